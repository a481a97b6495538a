package mux

import (
	"slices"
	"strings"
	"testing"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// routesOf reads the routes of okr.v1.
func routesOf(t *testing.T) *Routes {
	t.Helper()
	routes, err := NewRoutes(okrv1.File_okr_v1_okr_service_proto.Services().ByName("OkrService"))
	if err != nil {
		t.Fatal(err)
	}
	return routes
}

func TestWhatFollowsFromARoute(t *testing.T) {
	routes := routesOf(t)
	for _, test := range []struct {
		rpc, query, etag, location string
	}{
		{"CreateObjective", "mode requestId request_id", "", "/api/v1/objectives/{objective_id}"},
		{"GetObjective", "", "", ""},
		{"ListChanges", "afterCursor after_cursor clientId client_id endTime end_time keyResultId key_result_id kinds memberId member_id " +
			"objectiveId objective_id orderBy order_by pageSize pageToken page_size page_token startTime start_time surface", "", ""},
		{"ListObjectives", "cycle orderBy order_by ownerId owner_id pageSize pageToken pageTokens page_size page_token page_tokens parentId parent_id states text", "", ""},
		{"UpdateObjective", "mode requestId request_id updateMask update_mask", "objective.etag", ""},
		{"DeleteObjective", "etag mode requestId request_id", "etag", ""},
		{"CreateKeyResult", "mode requestId request_id", "", "/api/v1/keyResults/{key_result_id}"},
		{"SetKeyResultAttainment", "", "etag", ""},
		{"WatchChanges", "afterCursor after_cursor", "", ""},
	} {
		route := routes.byRPC["/okr.v1.OkrService/"+test.rpc]
		if route == nil {
			t.Fatalf("%s has no route", test.rpc)
		}
		var names, etag []string
		for name := range route.query {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, field := range route.etag {
			etag = append(etag, string(field.Name()))
		}
		if got := strings.Join(names, " "); got != test.query {
			t.Errorf("%s takes the query parameters %q, want %q", test.rpc, got, test.query)
		}
		if got := strings.Join(etag, "."); got != test.etag {
			t.Errorf("%s has its etag in %q, want %q", test.rpc, got, test.etag)
		}
		if route.location != test.location {
			t.Errorf("%s leads to %q, want %q", test.rpc, route.location, test.location)
		}
	}
}

func TestEveryRPCOfTheStoreHasARoute(t *testing.T) {
	routes := routesOf(t)
	methods := okrv1.File_okr_v1_okr_service_proto.Services().ByName("OkrService").Methods()
	for i := range methods.Len() {
		if name := string(methods.Get(i).Name()); name == "ExportObjectives" || name == "ImportObjectives" {
			continue // files, which package transfer serves
		}
		name := "/okr.v1.OkrService/" + string(methods.Get(i).Name())
		if route := routes.byRPC[name]; route == nil || route.Rule == nil {
			t.Errorf("%s has no route or no rule", name)
		}
	}
}
