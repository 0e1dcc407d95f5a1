package xlsx

import "headway/services/importer/internal/source/zipxml"

// pack is the zip package of a workbook (ECMA-376 Part 2).
type pack struct{ *zipxml.Package }
