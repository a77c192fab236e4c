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
        PHONE: "phone phonenumber phoneno phonenum mobile mobilephone mobileno mobilenumber mobilenum cell cellphone "
        "cellphoneno cellphonenumber tel telephone telno telephoneno telephonenumber msisdn whatsapp fax "
        "contact contactno contactnumber contactnum contactinfo contactway "
        "手机 手机号 手机号码 电话 电话号码 座机 传真 联系方式 联系号码",
        "name": "name nick nickname surname consignee recipient contactperson "
        "姓名 名字 姓 名 称呼 昵称 联系人 收货人 收件人 签收人 提货人 付款人 下单人 中文名 英文名 "
        "客户名称 顾客名称 买家名称 会员名称 用户名称 收货人名称 收件人名称 联系人名称",
        "email": "email mail emailaddress mailaddress 邮箱 邮箱地址 电子邮箱 电邮 邮件 电子邮件",
        "address": "address addr addressline addressdetail detailaddress detailedaddress street "
        "地址 详细地址 住址 通讯地址 送货地址 配送地址 门牌号",
        "id_card": "idcard idcardno idcardnumber idcardnum idno idnumber identityno identitynumber identitycard "
        "passport passportno 身份证 身份证号 身份证号码 证件号 证件号码 护照 护照号",
        "wechat": "wechat wechatid wechatno wxid wxno wxh weixin weixinid weixinhao 微信 微信号 微信账号",
        "qq": "qq qqid qqno qqnumber qq号 qq号码",
        "bank_card": "bankcard bankcardno bankcardnumber bankaccount 银行卡 银行卡号 银行账号 银行账户",
        "plate": "licenseplate plateno platenumber 车牌 车牌号 车牌号码",
    }.items()
    for noun in nouns.split()
}
KINDS: Final = frozenset(_NOUNS.values())

_OWNER: Final = re.compile(
    r"customer|buyer|receiver|recipient|consignee|user|contact|member|client|person|payer|shipping|billing|delivery|"
    r"home|real|full|first|last|middle|given|family|legal|guardian|parent|child|emergency|your|my|wechat|wx|客户|顾客|买家|会员|用户|收货人|收件人|联系人|收货|收件|联系|真实|家庭|微信|"
    r"家长|孩子|宝宝|监护人|紧急|本人|您的|你的|请输入|请填写"
)
_REMARK: Final = re.compile(r"(?:必填|选填|required|optional)$")
"""What forms write behind a name."""
_BETWEEN_WORDS: Final = re.compile(r"[\W_]+")


@lru_cache(maxsize=4096)
def kind_of(name: str) -> str:
    """What of a person a property of this name holds (one of `KINDS`); empty when it names nobody.

    Case, separators, a number at the end and whose it is (`buyer_`, `receiver`, 收货人) make no difference.
    """
    text = _REMARK.sub("", _BETWEEN_WORDS.sub("", unicodedata.normalize("NFKC", name).casefold())).rstrip("0123456789")
    while text not in _NOUNS:
        owner = _OWNER.match(text)
        if owner is None:
            return ""
        text = text[owner.end() :]
    return _NOUNS[text]
