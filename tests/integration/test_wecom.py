"""WeCom's callbacks through the real API process into the topic: what is told arrives once, what is forged never."""

import socket
import subprocess
import sys
from pathlib import Path

import httpx

from stream.base.clock import wall_clock
from stream.base.settings import PREFIX, Settings
from stream.registry.writer import Writer
from tests.support import wecom
from tests.support.api_process import ApiProcess, api_process, conversions
from tests.support.registry import guide, store, writes
from tests.support.wecom import CLICK, Call

URL = "/callbacks/wecom/brand"


def send(api: ApiProcess, call: Call) -> httpx.Response:
    return httpx.post(api.url + URL, params=call.params, content=call.body, trust_env=False, timeout=30)


def checked(api: ApiProcess, now_s: int) -> str:
    echo = wecom.sealed(b"1616140317555161061")
    params = {**wecom.query(echo, now_s), "echostr": echo}
    return httpx.get(api.url + URL, params=params, trust_env=False, timeout=30).text


def forged(api: ApiProcess, good: Call, now_s: int) -> list[int]:
    """Statuses of requests that are none of WeCom's; the last one is no HTTP and gets no answer that is looked at."""
    other = wecom.event("change_external_contact", "add_external_contact", at_s=now_s, UserID="x", ExternalUserID="y")
    calls = [
        Call({**good.params, "nonce": "other"}, good.body),
        Call(good.params, wecom.envelope(wecom.sealed(other))),
        wecom.call(told(now_s)[0], now_s - 3_600),
        Call(good.params, b"x" * 200_000),
        Call(dict.fromkeys(good.params, ""), b""),
    ]
    statuses = [send(api, call).status_code for call in calls]
    with socket.create_connection((api.host, api.port), timeout=5) as rubbish:
        rubbish.sendall(f"POST {URL}?".encode() + b"\xff\xfe HTTP/1.1\r\nContent-Length: 5\r\n\r\n\x00\xff")
    return statuses


def told(now_s: int) -> list[bytes]:
    """A friendship by a click, its end, a first message, and a group of three that one of the corp's own is in."""
    pair = {"UserID": "ZhangSan", "ExternalUserID": "wm0000000000000001"}
    return [
        wecom.event("change_external_contact", "add_external_contact", at_s=now_s - 9, State=CLICK, **pair),
        wecom.event("customer_acquisition", "customer_start_chat", at_s=now_s - 5, **pair),
        wecom.event("change_external_contact", "del_follow_user", at_s=now_s - 1, **pair),
        wecom.event(
            "change_external_chat",
            "update",
            at_s=now_s,
            ChatId="wr1",
            UpdateDetail="add_member",
            MemChangeList=("wm0000000000000001", "wm0000000000000002", "ZhangSan"),
        ),
    ]


async def test_what_wecom_tells_arrives_once_and_what_others_forge_does_not(
    kafka_topics: Settings, environ: dict[str, str], tmp_path: Path
) -> None:
    staff = (store("s1"), guide("g1", wecom_userid="zhangsan"))
    await Writer(kafka_topics).change(writes(*staff))
    environ["GUIDESTREAM_WECOM_CONFIG_FILE"] = str(wecom.config_file(tmp_path))
    with api_process(environ) as api:
        now_s = wall_clock() // 1000
        assert checked(api, now_s) == "1616140317555161061"
        calls = [wecom.call(message, now_s, f"n{number}") for number, message in enumerate(told(now_s))]
        signed_anew = [wecom.call(message, now_s + 1, f"a{number}") for number, message in enumerate(told(now_s))]
        for call in (*calls, *calls, *signed_anew):
            assert send(api, call).text == "success"
        assert forged(api, calls[0], now_s) == [403, 403, 403, 413, 422]
        metrics = api.get(f"{api.admin}/metrics").text
        assert api.end(15) == 0, api.log
        assert wecom.TOKEN not in api.log
        assert wecom.AES_KEY not in api.log
    found = [event for event, _ in await conversions(kafka_topics)]
    assert sorted((event["type"], event["customer_id"], event.get("guide_id", "")) for event in found) == [
        ("friend_added", "wm0000000000000001", "g1"),
        ("friend_deleted", "wm0000000000000001", "g1"),
        ("group_joined", "wm0000000000000001", ""),
        ("group_joined", "wm0000000000000002", ""),
        ("message_in", "wm0000000000000001", "g1"),
    ]
    assert [event["token"] for event in found if "token" in event] == [CLICK]
    for line in (
        'guidestream_wecom_callbacks_total{corp="brand",outcome="verified"} 1.0',
        'guidestream_wecom_callbacks_total{corp="brand",outcome="taken"} 8.0',
        'guidestream_wecom_callbacks_total{corp="brand",outcome="replayed"} 4.0',
        'guidestream_wecom_refused_total{corp="brand",reason="stale"} 1.0',
        'guidestream_intake_events_total{fate="accepted",source="wecom"} 5.0',
        'guidestream_intake_events_total{fate="duplicate",source="wecom"} 5.0',
    ):
        assert line in metrics


def test_a_wrong_file_ends_the_process_with_all_that_is_wrong_and_no_secret(
    environ: dict[str, str], tmp_path: Path
) -> None:
    text = f'[brand]\ntoken = "{wecom.TOKEN}!"\nencoding_aes_key = "{wecom.AES_KEY}="\n'
    file = wecom.config_file(tmp_path, text)
    done = subprocess.run(
        [sys.executable, "-m", "stream", "api"],
        env={**environ, f"{PREFIX}WECOM_CONFIG_FILE": str(file), f"{PREFIX}KAFKA_BOOTSTRAP": "127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    assert all(name in done.stderr for name in ("[brand] corp_id", "[brand] token", "[brand] encoding_aes_key"))
    assert wecom.TOKEN not in done.stderr
    assert wecom.AES_KEY not in done.stderr
