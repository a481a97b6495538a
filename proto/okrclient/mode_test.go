package okrclient

import (
	"context"
	"testing"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

func TestAClientsModeIsThatOfEveryWriteThatSaysNone(t *testing.T) {
	const propose, validate = accessv1.WriteMode_WRITE_MODE_PROPOSE, accessv1.WriteMode_WRITE_MODE_VALIDATE
	for _, test := range []struct {
		name              string
		client, own, want accessv1.WriteMode
	}{
		{"none", 0, 0, 0},
		{"the client's", propose, 0, propose},
		{"the request's own", propose, validate, validate},
		{"the request's own where the client has none", 0, propose, propose},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got accessv1.WriteMode
			c, _ := client(t, &scripted{
				create: func(_ context.Context, req *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error) {
					got = req.GetMode()
					return &okrv1.Objective{}, nil
				},
				get: func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
					return &okrv1.Objective{}, nil
				},
			}, func(cfg *Config) { cfg.Mode = test.client })
			req := &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Grow"}, Mode: test.own}
			if _, err := c.CreateObjective(t.Context(), req); err != nil || got != test.want || req.GetMode() != test.own {
				t.Errorf("the server got %v, and the caller's request has %v now (%v)", got, req.GetMode(), err)
			}
			if _, err := c.GetObjective(t.Context(), &okrv1.GetObjectiveRequest{ObjectiveId: "okr_1"}); err != nil {
				t.Errorf("a read: %v", err)
			}
		})
	}
}
