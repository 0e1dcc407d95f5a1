package layouttest

var jobs = rules{
	"services/jobs": {"gen/...", "internal/auth", "internal/backoff", "internal/blobs", "internal/bus", "internal/bus/nats", "internal/quota", "internal/rpcerr", "internal/rpcserver", "internal/settings", "services/jobs/internal/..."},

	"services/jobs/internal/job":             {},
	"services/jobs/internal/store/column":    {"services/jobs/internal/job"},
	"services/jobs/internal/store/sqlite":    {"internal/migrate", "services/jobs/internal/job", "services/jobs/internal/store/column"},
	"services/jobs/internal/store/postgres":  {"internal/backoff", "internal/pgerr", "internal/pgstore", "services/jobs/internal/job", "services/jobs/internal/store/column"},
	"services/jobs/internal/store/storetest": {"services/jobs/internal/job"},
	"services/jobs/internal/store/transfer":  {"internal/pgstore", "services/jobs/internal/store/postgres", "services/jobs/internal/store/sqlite"},
	"services/jobs/internal/outputlog":       {"internal/backoff", "internal/blobs", "internal/quota", "services/jobs/internal/job"},
	"services/jobs/internal/watch":           {"internal/fanout", "services/jobs/internal/job"},
	"services/jobs/internal/metrics":         {"services/jobs/internal/job"},
	"services/jobs/internal/replica":         {"internal/bus", "services/jobs/internal/job", "services/jobs/internal/watch"},
	"services/jobs/internal/dispatch":        {"services/jobs/internal/job", "services/jobs/internal/metrics"},
	"services/jobs/internal/heartbeat":       {"services/jobs/internal/job"},
	"services/jobs/internal/lifecycle": {"services/jobs/internal/dispatch", "services/jobs/internal/heartbeat",
		"internal/quota", "services/jobs/internal/job"},
	"services/jobs/internal/bulk": {"internal/auth", "internal/backoff", "services/jobs/internal/dispatch", "services/jobs/internal/heartbeat",
		"services/jobs/internal/job", "services/jobs/internal/lifecycle"},
	"services/jobs/internal/maintenance": {"services/jobs/internal/heartbeat", "services/jobs/internal/job",
		"services/jobs/internal/metrics"},
	"services/jobs/internal/jobrpc": {"gen/...", "internal/auth", "internal/jsonnum", "internal/rpcerr", "internal/rpcserver", "services/jobs/internal/bulk",
		"services/jobs/internal/dispatch", "services/jobs/internal/heartbeat", "services/jobs/internal/job",
		"services/jobs/internal/lifecycle", "services/jobs/internal/outputlog", "services/jobs/internal/watch"},
}
