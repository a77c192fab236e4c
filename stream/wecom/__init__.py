"""WeCom callbacks as conversions, in the order a request takes.

config      the operator's callback URLs and their secrets
callback    parameters -> signature -> time -> seal -> receiver -> message   (crypto, xml; refusal says why not)
replay      taken in before?
events      message -> events of the topic `conversions`                     (reading: guide, click, event ids)
kf          messages of WeChat customer service that the operator's puller fetched

`stream.api.wecom` answers the requests. Everything but `config` is pure.
"""
