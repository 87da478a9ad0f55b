"""DKIM signatures (RFC 6376): what they say, and whether they are valid for a key."""
