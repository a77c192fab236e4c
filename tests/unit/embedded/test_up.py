"""`guidestream up`, what it refuses; the rest is tested on real processes."""

import pytest

from stream.base import runfile
from stream.base.errors import UnavailableError
from stream.base.settings import Settings
from stream.embedded import up


async def test_a_second_one_on_the_same_data_is_refused(settings: Settings) -> None:
    runfile.publish(settings, "up")
    with pytest.raises(UnavailableError, match="GUIDESTREAM_DATA_DIR"):
        await up.run(settings)
