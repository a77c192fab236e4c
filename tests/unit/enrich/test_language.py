import pytest

from stream.enrich.language import language_of


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("zh-cn", "zh-CN"),
        ("ZH_CN", "zh-CN"),
        ("zh-Hans-CN;q=1.0, en-CN;q=0.9", "zh-CN"),
        ("zh-Hant-TW", "zh-TW"),
        ("zh-hant", "zh-Hant"),
        ("zh", "zh"),
        (" en-US,en;q=0.5", "en-US"),
        ("es-419", "es-419"),
        ("yue-HK", "yue-HK"),
        ("en-US-u-ca-buddhist", "en-US"),
        ("*", ""),
        ("", ""),
        ("zhongwen", ""),
        ("中文", ""),
        ("1; DROP TABLE", ""),
    ],
)
def test_the_first_tag_is_kept_in_one_spelling(header: str, language: str) -> None:
    assert language_of(header) == language
