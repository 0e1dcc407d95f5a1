package layouttest

// shared has the packages that all services use. They import no service and no web UI, and clients/go only to dial (record 0114).
var shared = rules{
	"internal/alarm":              {},
	"internal/atomicfile":         {},
	"internal/migrate":            {},
	"internal/auth":               {"internal/atomicfile", "internal/backoff", "internal/watched"},
	"internal/backoff":            {},
	"internal/blobs":              {"internal/atomicfile", "internal/backoff"},
	"internal/bus":                {},
	"internal/bus/bustest":        {"internal/bus"},
	"internal/bus/nats":           {"internal/alarm", "internal/bus"},
	"internal/fanout":             {},
	"internal/governor":           {},
	"internal/quota":              {},
	"internal/rpcclient":          {"clients/go"},
	"internal/rpcerr":             {"gen/...", "internal/auth", "internal/messages", "internal/messages/messagepb"},
	"internal/rpcserver":          {"gen/...", "internal/alarm", "internal/auth", "internal/stall", "internal/rpcclient", "internal/rpcerr"},
	"internal/settings":           {},
	"internal/telemetry":          {"internal/hostname"},
	"internal/hostname":           {},
	"internal/jsonnum":            {},
	"internal/messages":           {},
	"internal/messages/messagepb": {"gen/...", "internal/messages"},
	"internal/natstest":           {},
	"internal/pgstore":            {"internal/migrate", "internal/pgerr"},
	"internal/pgerr":              {},
	"internal/pgtest":             {"internal/proctest"},
	"internal/proctest":           {"internal/atomicfile"},
	"internal/prosetest":          {},
	"internal/s3test":             {"internal/proctest"},
	"internal/stall":              {},
	"internal/strangertest":       {"gen/...", "internal/auth", "internal/rpcerr"},
	"internal/tlsfiles":           {"internal/watched"},
	"internal/watched":            {},
	"schemas":                     {},
	"web":                         {},
}

// exceptions are imports that break a rule, each until the step of the redesign that ends it.
var exceptions = []string{}
