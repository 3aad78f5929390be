-- How much of a known video, and of the upload, has to be in the other to match, in percent.
ALTER TABLE banks ADD COLUMN of_known BIGINT NOT NULL DEFAULT 80 CHECK (of_known BETWEEN 0 AND 100);
ALTER TABLE banks ADD COLUMN of_upload BIGINT NOT NULL DEFAULT 0 CHECK (of_upload BETWEEN 0 AND 100);

-- A hash that is too long for the index on values. Its value is its SHA-256 then.
ALTER TABLE hashes ADD COLUMN content BLOB;

-- JSON: how much of a known video and of the upload was found. NULL where the match is no video.
ALTER TABLE matches ADD COLUMN shares TEXT;
