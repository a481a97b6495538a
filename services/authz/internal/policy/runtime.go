package policy

import "fmt"

// LackedByRuntime says what a policy lacks that the product needs. text is the answer of Stytch's runtime API, which a
// project's secret may read; a push goes by the management API, whose shape differs.
func LackedByRuntime(text []byte) ([]string, error) {
	var answer struct {
		Policy struct {
			Roles     []any `json:"roles"`
			Resources []any `json:"resources"`
			Scopes    []any `json:"scopes"`
		} `json:"policy"`
	}
	if err := decode(text, &answer); err != nil {
		return nil, fmt.Errorf("reading the access policy: %w", err)
	}
	current := Document{"custom_scopes": answer.Policy.Scopes}
	var roles, resources []any
	for _, item := range answer.Policy.Roles {
		role, _ := item.(entry)
		switch id, _ := role["role_id"].(string); id {
		case "stytch_member", "stytch_admin":
			current[id] = role
		default:
			roles = append(roles, role)
		}
	}
	for _, item := range answer.Policy.Resources {
		resource, _ := item.(entry)
		resources = append(resources, entry{"resource_id": resource["resource_id"], "available_actions": resource["actions"]})
	}
	current["custom_roles"], current["custom_resources"] = roles, resources
	wanted, err := ProductPolicy()
	if err != nil {
		return nil, err
	}
	_, changes, err := Merge(current, wanted)
	if err != nil {
		return nil, err
	}
	lacks := make([]string, len(changes))
	for i, change := range changes {
		lacks[i] = change.String()[2:] // without the sign of what would be added
	}
	return lacks, nil
}
