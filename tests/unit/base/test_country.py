import pytest

from stream.base.country import country_of


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("114.114.114.0/24", "CN"),
        ("114.114.114.114", "CN"),
        ("1.36.0.0/24", "HK"),
        ("8.8.8.0/24", "US"),
        ("2408:8000::/48", "CN"),
        ("10.1.2.0/24", ""),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("not an address", ""),
        ("", ""),
    ],
)
def test_the_country_of_an_address_or_prefix(address: str, country: str) -> None:
    assert country_of(address) == country
