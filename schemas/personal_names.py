"""Which properties name a person: told by the property's name, in English and Chinese."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

PHONE: Final = "phone"

_NOUNS: Final[Mapping[str, str]] = {
    noun: kind
    for kind, nouns in {
        PHONE: "phone phonenumber phoneno mobile mobilephone mobileno mobilenumber cell cellphone tel telephone telno "
        "手机 手机号 手机号码 电话 电话号码 座机 联系方式",
        "name": "name nick nickname surname consignee recipient contactperson "
        "姓名 名字 姓 名 称呼 昵称 联系人 收货人 收件人",
        "email": "email mail emailaddress mailaddress 邮箱 电子邮箱 邮件 电子邮件",
        "address": "address addr addressline street 地址 详细地址 住址",
        "id_card": "idcard idcardno idcardnumber idno idnumber identitycard passport passportno "
        "身份证 身份证号 身份证号码 证件号 证件号码 护照 护照号",
        "wechat": "wechat wechatid wechatno weixin weixinid weixinhao 微信 微信号",
    }.items()
    for noun in nouns.split()
}
KINDS: Final = frozenset(_NOUNS.values())

_OWNER: Final = re.compile(
    r"customer|buyer|receiver|recipient|consignee|user|contact|member|client|person|payer|shipping|billing|delivery|"
    r"home|real|full|first|last|middle|given|family|wechat|wx|客户|顾客|买家|会员|用户|收货人|收件人|联系人|收货|收件|联系|真实|家庭|微信"
)
_BETWEEN_WORDS: Final = re.compile(r"[\W_]+")


@lru_cache(maxsize=4096)
def kind_of(name: str) -> str:
    """What of a person a property of this name holds (one of `KINDS`); empty when it names nobody.

    Case, separators, a number at the end and whose it is (`buyer_`, `receiver`, 收货人) make no difference.
    """
    text = _BETWEEN_WORDS.sub("", unicodedata.normalize("NFKC", name).casefold()).rstrip("0123456789")
    while text not in _NOUNS:
        owner = _OWNER.match(text)
        if owner is None:
            return ""
        text = text[owner.end() :]
    return _NOUNS[text]
