"""What a click's own fields tell: device, platform, bot verdict, place, referrer class. One enrichment, one file."""
