"""`guidestream demo`: everything on one machine, a made-up brand, and people who tap its links over real HTTP."""
