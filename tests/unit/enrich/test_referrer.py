import pytest

from schemas.enrichment import REFERRER_CLASSES
from stream.enrich.referrer import referrer_of

CASES = [
    ("", "", "direct"),
    ("https://mp.weixin.qq.com/s/abc", "qq.com", "wechat"),
    ("https://servicewechat.com/wx1234567890/12/page-frame.html", "servicewechat.com", "wechat"),
    ("https://work.weixin.qq.com/", "qq.com", "wechat"),
    ("android-app://com.tencent.mm/", "com.tencent.mm", "wechat"),
    ("https://www.xiaohongshu.com/explore", "xiaohongshu.com", "xiaohongshu"),
    ("http://xhslink.com/a", "xhslink.com", "xiaohongshu"),
    ("https://m.weibo.cn/status/1", "weibo.cn", "weibo"),
    ("https://weibo.com/u/1", "weibo.com", "weibo"),
    ("http://t.cn/A6", "t.cn", "weibo"),
    ("https://www.douyin.com/video/7", "douyin.com", "douyin"),
    ("https://www.iesdouyin.com/share/video/7", "iesdouyin.com", "douyin"),
    ("https://render.alipay.com/p/s", "alipay.com", "alipay"),
    ("https://item.taobao.com/item.htm", "taobao.com", "taobao"),
    ("https://detail.tmall.com/item.htm", "tmall.com", "taobao"),
    ("https://item.m.jd.com/product/1.html", "jd.com", "jd"),
    ("https://www.baidu.com/link", "baidu.com", "search"),
    ("https://m.baidu.com/", "baidu.com", "search"),
    ("https://tieba.baidu.com/p/1", "baidu.com", "other"),
    ("https://www.so.com/s", "so.com", "search"),
    ("https://m.so.com/", "so.com", "search"),
    ("https://wap.sogou.com/web/searchList.jsp", "sogou.com", "search"),
    ("https://so.m.sm.cn/s", "sm.cn", "search"),
    ("https://quark.sm.cn/s", "sm.cn", "search"),
    ("https://cn.bing.com/search", "bing.com", "search"),
    ("https://www.google.com/", "google.com", "search"),
    ("https://www.google.com.hk/", "google.com.hk", "search"),
    ("https://mail.google.com/", "google.com", "other"),
    ("https://google.com.evil.example/", "evil.example", "other"),
    ("https://notbaidu.com/", "notbaidu.com", "other"),
    ("https://weixin.qq.com.evil.example/", "evil.example", "other"),
    ("https://user:secret@www.Example.COM.CN:8443/a", "example.com.cn", "other"),
    ("https://shop.example.co.uk/", "example.co.uk", "other"),
    ("https://a.b.c.example.com/", "example.com", "other"),
    ("https://example.com./", "example.com", "other"),
    ("https://xn--fiqs8s.xn--fiqs8s/", "xn--fiqs8s.xn--fiqs8s", "other"),
    ("http://localhost:3000/", "localhost", "other"),
    ("http://192.0.2.7/x", "192.0.2.7", "other"),
    ("http://[2001:db8::1]:80/x", "[2001:db8::1]", "other"),
    ("https://例子.测试/", "", "other"),
    ("https://", "", "other"),
    ("not a url", "", "other"),
    ("javascript:alert(1)", "", "other"),
    ("https://[::1", "", "other"),
    ("//weibo.com/", "", "other"),
    ("https://weibo.com\\@evil.example/", "", "other"),
    ("h" * 512, "", "other"),
]


@pytest.mark.parametrize(("url", "host", "cls"), CASES)
def test_a_referrer_is_classified_and_its_domain_kept(url: str, host: str, cls: str) -> None:
    referrer = referrer_of(url)
    assert (referrer.host, referrer.cls) == (host, cls)


def test_every_class_has_a_case() -> None:
    assert {cls for _, _, cls in CASES} == REFERRER_CLASSES
