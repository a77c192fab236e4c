import pytest

from stream.enrich.agent import agent_of
from stream.enrich.bots import automation_of
from tests.support.user_agents import HUMANS, Human


@pytest.mark.parametrize("human", HUMANS, ids=[f"{h.browser} on {h.os} {h.device}" for h in HUMANS])
def test_a_real_user_agent_is_read_as_what_it_is(human: Human) -> None:
    agent = agent_of(human.user_agent)
    assert (agent.device, agent.os, agent.browser, agent.platform) == human[:4]
    assert automation_of(human.user_agent) == ()


@pytest.mark.parametrize(
    ("user_agent", "os"),
    [
        ("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", "other"),
        ("curl/8.5.0", "other"),
        ("", "other"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0", "Linux"),
    ],
)
def test_a_program_is_no_phone(user_agent: str, os: str) -> None:
    agent = agent_of(user_agent)
    assert agent.device == "bot"
    assert agent.os == os


def test_a_made_up_user_agent_makes_up_no_values() -> None:
    agent = agent_of("Qwertz/1.0 (Asdf; Yxcv 3.1) Hjkl/9 微信")
    assert (agent.device, agent.os, agent.browser, agent.platform) == ("other", "other", "other", "other")
