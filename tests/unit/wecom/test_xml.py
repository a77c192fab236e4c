"""The XML of callbacks, read within bounds."""

import pytest

from stream.wecom.refusal import Refused
from stream.wecom.xml import MAX_DEPTH, MAX_ELEMENTS, read


def refused(document: bytes) -> str:
    with pytest.raises(Refused) as found:
        read(document, "message")
    assert found.value.reason == "message"
    return found.value.detail


def test_fields_and_lists_are_read_and_stripped() -> None:
    message = read(
        """<?xml version="1.0" encoding="UTF-8"?>
        <xml><!-- 群 -->
          <ChatId><![CDATA[wr1]]></ChatId>
          <CreateTime> 1795334400 </CreateTime>
          <MemChangeList><Item><![CDATA[wm1]]></Item><Item>zhang &amp; 三</Item></MemChangeList>
          <Empty></Empty><Empty2/>
          <ExtAttr><Item><Text><Value>deep</Value></Text></Item></ExtAttr>
        </xml>""".encode(),
        "message",
    )
    assert message.text("ChatId") == "wr1"
    assert message.text("CreateTime") == "1795334400"
    assert message.lists == {"MemChangeList": ("wm1", "zhang & 三")}
    assert [message.text(name) for name in ("Empty", "Empty2", "ExtAttr", "Nothing")] == ["", "", "", ""]


def test_a_field_that_is_there_twice_is_nobodys_guess_until_it_is_asked_for() -> None:
    message = read(b"<xml><A>1</A><B>2</B><A>1</A></xml>", "message")
    assert message.text("B") == "2"
    assert message.fields["A"] == ("1", "1")
    with pytest.raises(Refused, match="A is there 2 times"):
        message.text("A")


LAUGHS = b"""<!DOCTYPE xml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">]>
<xml><A>&c;</A></xml>"""


@pytest.mark.parametrize(
    "document",
    [
        LAUGHS,
        b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:1/x.dtd"><xml/>',
        b'<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]><xml><A>&x;</A></xml>',
        b'<!DOCTYPE xml [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><xml/>',
        b"<!DOCTYPE xml []><xml/>",
        b"<!DOCTYPE xml><xml/>",
    ],
)
def test_a_document_type_is_refused_where_it_begins(document: bytes) -> None:
    assert refused(document) == "a document type declaration"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b" ",
        b"<xml>",
        b"</xml>",
        b"<xml/><xml/>",
        b"<xml>&unknown;</xml>",
        b"<xml>&#0;</xml>",
        b"<xml>\x00</xml>",
        b"<xml><A></B></xml>",
        b"<xml a='1' a='2'/>",
        b"{}",
        b"\xef\xbb\xbf",
        b"<xml><![CDATA[</xml>",
        "<xml>".encode("utf-16"),
    ],
)
def test_what_is_no_xml_is_refused(document: bytes) -> None:
    assert refused(document).startswith("not ")


@pytest.mark.parametrize("root", [b"<XML/>", b"<html/>", b"<xml2/>", b"<x:xml xmlns:x='x'/>"])
def test_another_root_is_refused(root: bytes) -> None:
    assert refused(root) == "the root is not `xml`"


def test_nothing_but_utf_8_is_read_whatever_the_document_says_of_itself() -> None:
    for encoding in ("gb18030", "utf-16", "latin-1", "utf-7"):
        document = f'<?xml version="1.0" encoding="{encoding}"?><xml><A>é</A></xml>'
        assert read(document.encode(), "message").text("A") == "é"
    assert refused("<xml><A>微信</A></xml>".encode("gb18030")) == "not UTF-8"
    assert refused(b"<xml><A>\xed\xa0\x80</A></xml>") == "not UTF-8"


def test_elements_and_levels_have_bounds() -> None:
    inside = b"<L>" + b"<Item>x</Item>" * (MAX_ELEMENTS - 2) + b"</L>"
    assert len(read(b"<xml>" + inside + b"</xml>", "message").lists["L"]) == MAX_ELEMENTS - 2
    assert "elements" in refused(b"<xml>" + inside + b"<A/></xml>")
    levels = MAX_DEPTH - 1
    read(b"<xml>" + b"<a>" * levels + b"</a>" * levels + b"</xml>", "message")
    levels += 1
    assert "levels" in refused(b"<xml>" + b"<a>" * levels + b"</a>" * levels + b"</xml>")
    assert "levels" in refused(b"<xml>" + b"<a>" * 50_000)
