package layouttest

var edge = rules{
	"services/edge": {"gen/...", "internal/auth", "internal/rpcclient", "internal/rpcerr", "internal/settings", "services/edge/internal/..."},

	"services/edge/internal/genopenapi": {"gen/...", "services/edge/internal/webjson"},
	"services/edge/internal/webjson":    {},
	"services/edge/internal/reqlog":     {"internal/rpcerr"},
	"services/edge/internal/httperr":    {"gen/...", "internal/rpcerr", "services/edge/internal/reqlog", "services/edge/internal/webjson"},
	"services/edge/internal/access": {"gen/...", "internal/atomicfile", "internal/auth", "internal/hostname", "internal/rpcclient", "internal/rpcerr", "services/edge/internal/httperr",
		"services/edge/internal/reqlog"},
	"services/edge/internal/site": {"services/edge/internal/access", "services/edge/internal/httperr"},
	"services/edge/internal/rest": {"gen/...", "internal/rpcerr", "services/edge/internal/access",
		"services/edge/internal/httperr", "services/edge/internal/webjson"},
	"services/edge/internal/sockets": {},
	"services/edge/internal/hub":     {"gen/...", "clients/go", "internal/auth", "internal/backoff", "internal/fanout", "internal/rpcerr"},
	"services/edge/internal/format":  {"gen/...", "internal/rpcerr", "services/edge/internal/hub", "services/edge/internal/webjson"},
	"services/edge/internal/sse": {"gen/...", "internal/auth", "internal/backoff", "internal/rpcerr", "services/edge/internal/access",
		"services/edge/internal/format", "services/edge/internal/httperr", "services/edge/internal/hub",
		"services/edge/internal/reqlog", "services/edge/internal/sockets"},
	"services/edge/internal/signin": {"gen/...", "internal/auth", "internal/hostname", "internal/rpcerr", "services/edge/internal/access",
		"services/edge/internal/httperr", "services/edge/internal/reqlog"},
	"services/edge/internal/upload": {"gen/...", "internal/auth", "internal/rpcerr", "services/edge/internal/access",
		"services/edge/internal/httperr", "services/edge/internal/webjson"},
	"services/edge/internal/tus": {"gen/...", "internal/auth", "internal/rpcerr", "internal/rpcserver", "services/edge/internal/access",
		"services/edge/internal/httperr", "services/edge/internal/upload"},
	"services/edge/internal/tus/folder":  {"internal/atomicfile", "services/edge/internal/tus"},
	"services/edge/internal/tus/tustest": {"services/edge/internal/tus"},
}
