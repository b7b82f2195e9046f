"""From a dataset file to blocks of token ids.

A dataset is read in buffers, never as a whole: once for its hash, its digest and the number of pieces of the
split, then straight into the tokenizer, in chunks that end at the end of a line. The cache of tokens is
keyed by the file's stamp and the hash of its bytes: an unchanged file is not read again, and a copy is
recognised by its content.
"""
