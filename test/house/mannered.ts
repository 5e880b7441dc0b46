/**
 * Phrases that plain technical English does not use: archaic words, inversions, and metaphors where a term
 * exists. Each is a regular expression; a space stands for any white space, a line break included.
 */
export const MANNERED: readonly string[] = [
  /* Archaic words. */
  'anew',
  'of late',
  'so many',
  'beside',
  'whom',
  'bears?',
  'for ever',
  'as it were',
  'in truth',
  'ere|lest|nought|whence|hence|thence|thereof|whereupon|hitherto|albeit',
  /* Verbs with "of" that stand for "describes", "reports", "knows". */
  'spoken of',
  'tells? of|told of',
  'hears? of|heard of',
  'said of',
  'word of',
  'what becomes? of|what became of|what it came to',
  /* Negations that must be turned round to be understood. */
  'nothing but|anything but|all but|not but|none but|nobody but',
  'nobody\\b[^.;:]*\\bfor ever',
  "(?:in )?(?:nobody|no one|everybody)['’]s way|stands? in the way",
  'may not go',
  'what (?:is|are) \\w+ (?:is|are) not',
  /* Roundabout forms of "exists" and "must". */
  'that (?:is|are) there(?! no\\b)',
  '(?:is|are) there to be',
  'as long as it means',
  'is (?:of )?no use|to no end|without an end',
];
