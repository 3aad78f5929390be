-- Which picture was made of a frame. Each is hashed as it is stored, and where it can be seen in other
-- ways than that, in those too.
ALTER TABLE sighting_frames ADD COLUMN variant TEXT NOT NULL DEFAULT 'as_stored';

-- NULL for what is no picture.
ALTER TABLE matches ADD COLUMN variant TEXT;
UPDATE matches SET variant = 'as_stored' WHERE frame IS NOT NULL;
