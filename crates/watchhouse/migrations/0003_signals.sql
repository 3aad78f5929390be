-- Scans may be of what people write alone; those have the digests of no bytes.
ALTER TABLE sightings ADD COLUMN has_media BIGINT NOT NULL DEFAULT 1 CHECK (has_media IN (0, 1));

-- The keys of the web addresses in what was written, 16 bytes each, so that an address that is listed
-- tomorrow finds who wrote it yesterday. NULL where there were none, and between two people.
ALTER TABLE sightings ADD COLUMN url_keys BLOB;

-- Where in what was written a match is: in characters of the 'text', or which of the 'links'.
ALTER TABLE matches ADD COLUMN place TEXT CHECK (place IN ('text', 'links'));
ALTER TABLE matches ADD COLUMN place_start BIGINT;
ALTER TABLE matches ADD COLUMN place_end BIGINT;
