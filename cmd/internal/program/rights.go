package program

import (
	"slices"
	"strings"
	"time"

	"headway/internal/auth"
)

// RightsFlags set the default rights of tokens, and the allowed clock skew.
type RightsFlags struct {
	DefaultScopes  []string      `help:"Scopes of tokens that have none of headway:read, headway:run, and headway:import. Separated by commas. * means all, none means none. Default: * if only this machine can reach the service, headway:read otherwise." placeholder:"SCOPE"`
	DefaultKinds   []string      `help:"Kinds of jobs that tokens without the claim headway_kinds allow. Separated by commas. * means all, none means none. Default: * if only this machine can reach the service, none otherwise." placeholder:"KIND"`
	DefaultSchemas []string      `help:"Schemas that tokens without the claim headway_schemas allow. Separated by commas. * means all, none means none. Default: * if only this machine can reach the service, none otherwise." placeholder:"NAME"`
	ClockSkew      time.Duration `help:"Maximum difference between the clocks of the programs that sign tokens and this one. At most 5 minutes." default:"30s"`
}

// rights returns the rights of tokens that do not name theirs.
func (f *RightsFlags) rights(loopback bool) (auth.Rights, error) {
	all, none := auth.AllRights(), auth.Rights{Scopes: []string{auth.ScopeRead}}
	defaults := none
	if loopback {
		defaults = all
	}
	for _, setting := range []struct {
		flag   string
		values []string
		all    []string
		to     *[]string
	}{
		{"--default-scopes", f.DefaultScopes, all.Scopes, &defaults.Scopes},
		{"--default-kinds", f.DefaultKinds, all.Kinds, &defaults.Kinds},
		{"--default-schemas", f.DefaultSchemas, all.Schemas, &defaults.Schemas},
	} {
		switch {
		case len(setting.values) == 0:
		case slices.Equal(setting.values, []string{"*"}):
			*setting.to = setting.all
		case slices.Equal(setting.values, []string{"none"}):
			*setting.to = nil
		case slices.Contains(setting.values, "*") || slices.Contains(setting.values, "none"):
			return auth.Rights{}, Refuse("%s is %s. * and none can't be combined with other values", setting.flag, strings.Join(setting.values, ","))
		default:
			*setting.to = setting.values
		}
	}
	for _, scope := range defaults.Scopes {
		if !slices.Contains(all.Scopes, scope) {
			return auth.Rights{}, Refuse("--default-scopes has %q. The allowed scopes are %s", scope, strings.Join(all.Scopes, ", "))
		}
	}
	return defaults, nil
}
