"""The demo brand: regions, stores, guides, campaigns and links with Chinese names, the same for the same seed."""

from dataclasses import dataclass
from random import Random

from schemas.registry import Campaign, Guide, Link, Owner, Store, Variant

_REGIONS = {"R1": "华东大区", "R2": "华南大区", "R3": "华北大区", "R4": "西南大区"}
_STORES = (
    ("R1", "上海南京西路店"),
    ("R1", "杭州湖滨银泰店"),
    ("R1", "南京新街口店"),
    ("R1", "苏州中心店"),
    ("R2", "广州天河城店"),
    ("R2", "深圳万象城店"),
    ("R2", "厦门万象城店"),
    ("R3", "北京三里屯店"),
    ("R3", "天津恒隆店"),
    ("R3", "青岛海信店"),
    ("R4", "成都太古里店"),
    ("R4", "重庆来福士店"),
)
_GUIDES_PER_STORE = 10
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
_GIVEN = ("婷", "丽华", "晓雯", "思琪", "雨桐", "欣怡", "佳琪", "梦瑶", "浩然", "子轩", "俊杰", "志强", "梓涵", "一诺")
_CAMPAIGNS = (
    ("C2601", "春季上新", "2026-02-20", "2026-04-15"),
    ("C2602", "520 礼遇季", "2026-05-01", "2026-05-25"),
    ("C2603", "618 会员日", "2026-06-01", "2026-06-20"),
    ("C2604", "七夕限定", "2026-08-01", "2026-08-25"),
    ("C2605", "双十一私域专场", "2026-10-20", "2026-11-30"),
    ("C2606", "新客加企微礼", "", ""),
)
_CODE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"
_SHOP = "https://shop.example.com"


@dataclass(frozen=True, slots=True)
class DemoBrand:
    """Everything that is loaded into the registry."""

    stores: tuple[Store, ...]
    guides: tuple[Guide, ...]
    campaigns: tuple[Campaign, ...]
    links: tuple[Link, ...]


def demo_brand(seed: int, owned_from_ms: int) -> DemoBrand:
    """12 stores in 4 regions, 120 guides, 600 links (five a guide); guides own their links from `owned_from_ms` on."""
    rng = Random(seed)  # noqa: S311 - made-up names, not secrets
    stores = tuple(
        Store(id=f"S{number:03d}", name=name, region_id=region, region_name=_REGIONS[region])
        for number, (region, name) in enumerate(_STORES, 1)
    )
    campaigns = tuple(
        Campaign(id=code, name=name, start=start, end=end, budget=str(rng.randrange(50, 500) * 1000))
        for code, name, start, end in _CAMPAIGNS
    )
    guides: list[Guide] = []
    links: list[Link] = []
    codes: set[str] = set()
    for store in stores:
        for place in range(1, _GUIDES_PER_STORE + 1):
            guide = Guide(
                id=f"G{store.id[1:]}{place:02d}",
                name=rng.choice(_SURNAMES) + rng.choice(_GIVEN),
                store_id=store.id,
                hire_date=f"{rng.randrange(2018, 2026)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
                monthly_cost=str(rng.randrange(45, 130) * 100),
                wecom_userid=f"guide.{store.id.lower()}.{place:02d}",
            )
            guides.append(guide)
            for link in _links_of(rng, guide, owned_from_ms):
                code = link.code
                while code in codes:
                    code = _code(rng)
                codes.add(code)
                links.append(link)
    return DemoBrand(stores, tuple(guides), campaigns, tuple(links))


def _links_of(rng: Random, guide: Guide, owned_from_ms: int) -> tuple[Link, ...]:
    """One link for each of the ways in which this guide meets customers."""
    owners = (Owner(guide.id, owned_from_ms),)
    campaign = rng.choice(_CAMPAIGNS)[0]
    item = rng.randrange(1000, 9999)

    def utm(medium: str) -> tuple[tuple[str, str], ...]:
        return (("utm_source", "guide"), ("utm_medium", medium), ("utm_campaign", campaign))

    return (
        Link(
            code=_code(rng),
            number=0,
            kind="wecom_acquisition",
            url=f"https://work.weixin.qq.com/ca/cawcde{rng.getrandbits(40):010x}",
            owners=owners,
            campaign_id="C2606",
            touchpoint="wecom_chat",
        ),
        Link(
            code=_code(rng),
            number=0,
            kind="web",
            url=f"{_SHOP}/item/{item}",
            owners=owners,
            campaign_id=campaign,
            touchpoint="moments",
            utm=utm("moments"),
            variants=(
                Variant("A", 50, f"{_SHOP}/item/{item}"),
                Variant("B", 50, f"{_SHOP}/item/{item}/story"),
            ),
        ),
        Link(
            code=_code(rng),
            number=0,
            kind="mini_program",
            url=f"https://wxaurl.cn/{rng.getrandbits(40):010x}",
            owners=owners,
            campaign_id=campaign,
            touchpoint="wechat_group",
        ),
        Link(
            code=_code(rng),
            number=0,
            kind="web",
            url=f"{_SHOP}/store/{guide.store_id}",
            owners=owners,
            touchpoint="store_qr",
            utm=utm("store_qr"),
            pass_params=("sku",),
        ),
        Link(
            code=_code(rng),
            number=0,
            kind="livestream",
            url=f"{_SHOP}/live/{rng.randrange(100, 999)}",
            owners=owners,
            campaign_id=campaign,
            touchpoint="livestream",
            utm=utm("livestream"),
        ),
    )


def _code(rng: Random) -> str:
    return "".join(rng.choices(_CODE_ALPHABET, k=7))
