"""Where records come from: files, archives, streams of rows, PDF files, images. Verifier specification, 0.4 and 0.5.

======================  ==========================================================================================
:mod:`.source`          bytes that can be looked at before they are read, once or again
:mod:`.unwrap`          what a source is: a wrapper, a stream of rows, one document; the signed units in it
:mod:`.archives`        gzip, zip, tar
:mod:`.rows`            rows of a stream: names of columns, groups of rows, what one row holds
:mod:`.lines`           JSON lines
:mod:`.table`           CSV
:mod:`.parquet`         Parquet, with pyarrow
:mod:`.pdf`             attachments and page images of PDF files, with pypdf
:mod:`.images`          QR and Data Matrix codes, with zxing-cpp and Pillow
======================  ==========================================================================================

Everything is read piece by piece: a stream of any length needs the memory of one row, or of one group of rows.
"""
