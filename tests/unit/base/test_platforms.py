import pytest

from stream.base.platforms import platform_of

_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
_ANDROID = (
    "Mozilla/5.0 (Linux; Android 13; 22041211AC Build/TP1A.220624.014; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
)
_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"

CASES = [
    ("wechat", f"{_IPHONE} Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN"),
    (
        "wechat",
        (
            f"{_ANDROID} Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 XWEB/1160117 MMWEBSDK/20240404 MMWEBID/98 "
            "MicroMessenger/8.0.49.2600(0x28003137) WeChat/arm64 Weixin NetType/5G Language/zh_CN ABI/arm64"
        ),
    ),
    (
        "wechat",
        (
            "Mozilla/5.0 (Linux; U; Android 5.1.1; zh-cn; KIW-AL10 Build/HONORKIW-AL10) AppleWebKit/533.1 (KHTML, like "
            "Gecko)Version/4.0 MQQBrowser/5.4 TBS/025491 Mobile Safari/533.1 MicroMessenger/6.3.13.49_r4080b63.740 "
            "NetType/WIFI Language/zh_CN"
        ),
    ),
    (
        "wechat",
        (
            f"{_WINDOWS} Chrome/116.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) "
            "MiniProgramEnv/Windows WindowsWechat/WMPF WindowsWechat(0x63090a13) XWEB/9129 Flue"
        ),
    ),
    ("wecom", f"{_IPHONE} Mobile/15E148 wxwork/4.1.20 MicroMessenger/7.0.1 Language/zh ColorScheme/Light"),
    (
        "wecom",
        (
            f"{_WINDOWS} Chrome/81.0.4044.138 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) "
            "WindowsWechat(0x63010200) wxwork/4.1.22 (MicroMessenger/6.2) WeChat/2.0.4"
        ),
    ),
    (
        "mini_program",
        (
            f"{_IPHONE} Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN "
            "miniProgram/wx1234567890abcdef"
        ),
    ),
    ("mini_program", f"{_IPHONE} Mobile/15E148 wxwork/4.1.20 MicroMessenger/7.0.1 Language/zh miniProgram"),
    (
        "alipay",
        (
            f"{_IPHONE} Mobile/15E148 NebulaSDK/1.8.100112 Nebula PSDType(1) AlipayDefined(nt:WIFI,ws:390|780|3.0) "
            "AliApp(AP/10.5.96.6000) AlipayClient/10.5.96.6000 Language/zh-Hans"
        ),
    ),
    (
        "alipay",
        (
            f"{_ANDROID} Version/4.0 UWS/3.22.2.999 UCBS/3.22.2.999_220000000000 Mobile Safari/537.36 "
            "AlipayClient/10.5.96.8000 MiniProgram"
        ),
    ),
    (
        "douyin",
        (
            f"{_IPHONE} Mobile/15E148 aweme_29.9.0 JsSdk/2.0 NetType/WIFI Channel/App Store ByteLocale/zh Region/CN "
            "BytedanceWebview/d8a21c6"
        ),
    ),
    (
        "douyin",
        (
            f"{_ANDROID} Version/4.0 Chrome/110.0.5481.154 Mobile Safari/537.36 aweme_290900 JsSdk/1.0 NetType/WIFI "
            "AppName/aweme app_version/29.9.0 BytedanceWebview/d8a21c6"
        ),
    ),
    ("xiaohongshu", f"{_IPHONE} Mobile/15E148 XHSDiscover/8.20 discover/8.20 NetType/WiFi CPUType/arm64"),
    ("xiaohongshu", f"{_IPHONE} Mobile/15E148 discover/8.51 XHSWebView NetType/WIFI"),
    ("weibo", f"{_IPHONE} Mobile/15E148 Weibo (iPhone14,5__weibo__14.6.0__iphone__os17.5)"),
    (
        "qq",
        (
            f"{_ANDROID} Version/4.0 Chrome/109.0.5414.86 MQQBrowser/6.2 TBS/046613 Mobile Safari/537.36 "
            "V1_AND_SQ_9.0.30_5886_YYB_D QQ/9.0.30.15505 NetType/WIFI WebP/0.4.1 AppId/537206436 Pixel/1080"
        ),
    ),
    ("qq", f"{_IPHONE} Mobile/13B143 QQ/6.1.0.496 Pixel/750 NetType/WIFI Mem/127"),
    ("dingtalk", f"{_IPHONE} Mobile/15E148 AliApp(DingTalk/7.6.0) com.laiwang.DingTalk/32462205 Channel/201200"),
    ("mobile", f"{_IPHONE} Version/17.5 Mobile/15E148 Safari/604.1"),
    ("mobile", f"{_ANDROID} Version/4.0 Chrome/109.0 MQQBrowser/14.9 Mobile Safari/537.36"),
    (
        "mobile",
        (
            "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0 Safari/537.36 "
            "ArkWeb/4.1.6.1 Mobile HuaweiBrowser/5.0.4.300"
        ),
    ),
    ("desktop", f"{_WINDOWS} Chrome/126.0.0.0 Safari/537.36"),
    ("desktop", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15"),
    ("desktop", "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"),
    ("desktop", "Mozilla/5.0 (PC; OpenHarmony 5.0) AppleWebKit/537.36 Chrome/114.0 Safari/537.36 ArkWeb/4.1.6.1"),
    ("other", "curl/8.5.0"),
    ("other", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    ("other", ""),
]


@pytest.mark.parametrize(("platform", "user_agent"), CASES)
def test_a_real_user_agent_is_told_apart(platform: str, user_agent: str) -> None:
    assert platform_of(user_agent) == platform


def test_the_letter_case_does_not_matter() -> None:
    assert platform_of("micromessenger") == "wechat"
