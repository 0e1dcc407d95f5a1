package imports

// CountersOf returns the counters of a sheet's step.
func CountersOf(c Counts) map[string]float64 {
	return map[string]float64{
		"read": float64(c.Read), "inserted": float64(c.Inserted), "updated": float64(c.Updated), "unchanged": float64(c.Unchanged),
		"rejected": float64(c.Rejected), "blocked": float64(c.Blocked), "skipped": float64(c.Skipped),
		"issues": float64(c.Issues), "warnings": float64(c.Warnings),
	}
}

// CountsOf reads the counters of a sheet's step.
func CountsOf(counters map[string]float64) Counts {
	return Counts{
		Read: uint32(counters["read"]), Inserted: uint32(counters["inserted"]), Updated: uint32(counters["updated"]),
		Unchanged: uint32(counters["unchanged"]), Rejected: uint32(counters["rejected"]), Blocked: uint32(counters["blocked"]),
		Skipped: uint32(counters["skipped"]), Issues: uint32(counters["issues"]), Warnings: uint32(counters["warnings"]),
	}
}
