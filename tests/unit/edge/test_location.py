import pytest

from stream.edge.location import passed, target


def location(url: str, kind: str = "web", **added: str) -> str:
    found = target(url, kind, added)
    assert found is not None
    return f"{found.head}TOKEN{found.tail}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example.com", "https://shop.example.com/?ct=TOKEN"),
        ("https://shop.example.com/p/1", "https://shop.example.com/p/1?ct=TOKEN"),
        ("https://shop.example.com:8443/p?a=1&b=", "https://shop.example.com:8443/p?a=1&b=&ct=TOKEN"),
        ("https://shop.example.com/p?", "https://shop.example.com/p?ct=TOKEN"),
        ("https://shop.example.com/p#top", "https://shop.example.com/p?ct=TOKEN#top"),
        ("https://shop.example.com/#/item?id=1", "https://shop.example.com/?ct=TOKEN#/item?id=1"),
        ("https://shop.example.com/p?ct=old&a=1", "https://shop.example.com/p?a=1&ct=TOKEN"),
        ("https://shop.example.com/%E4%B8%AD?n=%E6%96%87", "https://shop.example.com/%E4%B8%AD?n=%E6%96%87&ct=TOKEN"),
        ('https://shop.example.com/a\\b?c="<>', "https://shop.example.com/a%5Cb?c=%22%3C%3E&ct=TOKEN"),
        ("https://[2606:4700::1]/", "https://[2606:4700::1]/?ct=TOKEN"),
    ],
)
def test_the_token_comes_last_in_the_query_and_before_the_fragment(url: str, expected: str) -> None:
    assert location(url) == expected


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        ("web", "ct"),
        ("livestream", "ct"),
        ("group", "ct"),
        ("wecom_acquisition", "customer_channel"),
        ("wecom_contact", "state"),
        ("wecom_kf", "scene_param"),
    ],
)
def test_each_kind_of_destination_has_its_parameter(kind: str, parameter: str) -> None:
    assert location("https://work.weixin.qq.com/ca/x", kind) == f"https://work.weixin.qq.com/ca/x?{parameter}=TOKEN"


def test_a_mini_program_finds_all_it_is_given_in_cq() -> None:
    assert location("https://wxaurl.cn/abc", "mini_program") == "https://wxaurl.cn/abc?cq=ct%3DTOKEN"
    assert (
        location("https://wxaurl.cn/abc?cq=sku%3D1&x=2", "mini_program", utm_source="s")
        == "https://wxaurl.cn/abc?x=2&cq=sku%3D1%26utm_source%3Ds%26ct%3DTOKEN"
    )


def test_a_mini_program_gets_its_token_rather_than_everything_else() -> None:
    found = location("https://wxaurl.cn/abc?cq=sku%3D1", "mini_program", utm_campaign="双" * 100)
    assert found == "https://wxaurl.cn/abc?cq=sku%3D1%26ct%3DTOKEN"


def test_what_is_added_is_encoded_and_takes_the_place_of_its_name() -> None:
    assert (
        location("https://a.example/?utm_source=old&utm_medium=kept", utm_source="双 11&x=\r\n", ct="forged")
        == "https://a.example/?utm_medium=kept&utm_source=%E5%8F%8C%2011%26x%3D%0D%0A&ct=TOKEN"
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://shop.example.com/",
        "javascript:alert(1)",
        "//shop.example.com/",
        "https://",
        "https://[::1",
        "https://user@shop.example.com/",
        "https://shop.example.com\\@evil.example/",
        "https://shop.example.com:port/",
        "https://shop.exa mple.com/",
        "https://商店.example.com/",
    ],
)
def test_an_url_that_clients_may_read_differently_is_no_destination(url: str) -> None:
    assert target(url, "web", {}) is None


def test_only_named_parameters_are_passed_on_the_first_of_each_decoded() -> None:
    names = frozenset({"sku", "utm_term", "none"})
    assert passed("x=1&sku=a%20b+c&sku=2&utm_term=%E5%8F%8C&none=", names, 100) == {"sku": "a b c", "utm_term": "双"}


def test_only_so_many_parameters_are_looked_at() -> None:
    query = "&".join([*("x=1" for _ in range(100)), "sku=1"])
    assert passed(query, frozenset({"sku"}), 100) == {}
    assert passed(query, frozenset({"sku"}), 101) == {"sku": "1"}


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    assert passed("sku=%FF%FE", frozenset({"sku"}), 100) == {"sku": "\ufffd\ufffd"}
