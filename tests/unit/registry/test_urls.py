import pytest

from stream.base.errors import InputError
from stream.registry.urls import check_url, query_names


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://shop.example.com", "https://shop.example.com/"),
        ("HTTPS://Shop.Example.COM:443/A", "https://shop.example.com/A"),
        ("https://shop.example.com:8443/a", "https://shop.example.com:8443/a"),
        (" https://shop.example.com/a ", "https://shop.example.com/a"),
        ("https://shop.example.com/a?b=c&d=%E5%90%8D#/page", "https://shop.example.com/a?b=c&d=%E5%90%8D#/page"),
        ("https://shop.example.com/鞋?名=值", "https://shop.example.com/%E9%9E%8B?%E5%90%8D=%E5%80%BC"),
        ("https://商店.中国/a", "https://xn--czrs0t.xn--fiqs8s/a"),
        ('https://a.example.com/"<x>', "https://a.example.com/%22%3Cx%3E"),
        ("https://8.8.8.8/a", "https://8.8.8.8/a"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
        ("https://work.weixin.qq.com/ca/cawcde0123", "https://work.weixin.qq.com/ca/cawcde0123"),
    ],
)
def test_a_public_address_is_kept_in_one_form(given: str, kept: str) -> None:
    assert check_url(given, "url") == kept
    assert check_url(kept, "url") == kept


PRIVATE = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://0x7f.0.0.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://1.2.3.08/",
    "https://256.1.1.1/",
    "https://1.2.3.4.5/",
    "https://example.0x/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/",
    "https://192.0.2.1/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://１２７.０.０.１/",
    "https://127。0。0。1/",
    "https://①②⑦.0.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:ffff:7f00:1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[fc00::1]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://localhost/",
    "https://LocalHost/",
    "https://a.localhost/",
    "https://ⓛocalhost/",
    "https://localhost./",
    "https://intranet/",
    "https://printer.local/",
    "https://db.corp/",
    "https://metadata.google.internal/",
    "https://router.home.arpa/",
    "https://kubernetes.default.svc.cluster.local/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_an_address_inside_a_network_is_refused_in_every_spelling(url: str) -> None:
    with pytest.raises(InputError, match=r"^url: "):
        check_url(url, "url")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://shop.example.com/",
        "//shop.example.com/",
        "shop.example.com",
        "javascript:alert(1)",
        "data:text/html,x",
        "weixin://dl/business",
        "https:shop.example.com",
        "https:///path",
        "https://user@shop.example.com/",
        "https://user:password@shop.example.com/",
        "https://shop.example.com@127.0.0.1/",
        "https://shop.example.com\\@127.0.0.1/",
        "https://shop.example.com\\.evil.example/",
        "https://shop.example.com/\r\nSet-Cookie: a=b",
        "https://shop.example.com/\n",
        "https://shop.example.com/\t",
        "https://shop.example.com/\x00",
        "https://shop.example.com/a b",
        "https://shop.example.com/\u202egnp.exe",
        "https://shop.\u200bexample.com/",
        "https://shop.example.com/\ud800",
        "https://shop.example.com./",
        "https://shop..example.com/",
        "https://-shop.example.com/",
        "https://shop_1.example.com/",
        "https://%73hop.example.com/",
        "https://shop.example.com:0/",
        "https://shop.example.com:/",
        "https://shop.example.com:99999/",
        "https://shop.example.com:٤٤٣/",
        "https://[::1/",
        "https://[1.2.3.4]/",
        "https://[v1.a]/",
        f"https://{'a' * 64}.example.com/",
        f"https://{'a.' * 130}example.com/",
        f"https://shop.example.com/{'a' * 2048}",
        f"https://shop.example.com/{'鞋' * 700}",
    ],
)
def test_what_is_no_clean_https_address_is_refused(url: str) -> None:
    with pytest.raises(InputError, match=r"^url: "):
        check_url(url, "url")


def test_names_of_query_parameters_are_read_decoded() -> None:
    assert query_names("https://a.cn/?ct=1&%63t2=3&b&=x#ct3=1") == {"ct", "ct2", "b", ""}
