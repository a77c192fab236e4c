"""WeCom callbacks as conversions: signature, decryption, XML, events."""
