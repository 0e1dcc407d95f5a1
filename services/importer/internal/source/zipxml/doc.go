// Package zipxml reads the XML parts of zip packages, in which workbooks are stored, within limits: a part is decompressed
// some blocks ahead, checked against its checksum, and scanned token by token in one pass. xlsx and ods are read with it.
package zipxml
