package mux

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

// Route is one HTTP rule of one RPC, and what follows from it.
type Route struct {
	// Method is the HTTP method.
	Method string
	// Template is the path as it stands in the contract, such as "/api/v1/objectives/{objective_id}".
	Template string
	// RPC is the method that the route calls.
	RPC protoreflect.MethodDescriptor
	// Rule is the RPC's access rule.
	Rule *accessv1.Rule

	body     string                                  // "": none, "*": the request, else the field that is the body
	query    map[string]protoreflect.FieldDescriptor // what may stand in the query, by its names in both spellings
	etag     []protoreflect.FieldDescriptor          // where If-Match goes in the request; nil if nowhere
	segments []string
	verb     string
	location string // for a creation: the template of the new resource's address
}

// Streaming says whether the answer is a stream.
func (r *Route) Streaming() bool { return r.RPC.IsStreamingServer() }

// fullMethod is the RPC's name as gRPC writes it.
func (r *Route) fullMethod() string {
	return "/" + string(r.RPC.Parent().FullName()) + "/" + string(r.RPC.Name())
}

// Routes are all routes of a set of services.
type Routes struct {
	all       []*Route
	byPattern map[string]*Route
	byRPC     map[string]*Route // the first rule of each RPC, by full method name
}

// NewRoutes reads the routes of services from their descriptors. RPCs without an HTTP rule have none.
func NewRoutes(services ...protoreflect.ServiceDescriptor) (*Routes, error) {
	routes := &Routes{byPattern: map[string]*Route{}, byRPC: map[string]*Route{}}
	var errs []error
	for _, service := range services {
		for i := range service.Methods().Len() {
			rpc := service.Methods().Get(i)
			if err := routes.add(rpc); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", rpc.FullName(), err))
			}
		}
	}
	routes.locate()
	return routes, errors.Join(errs...)
}

// All lists the routes in the order of the contract.
func (rs *Routes) All() []*Route { return slices.Clone(rs.all) }

func (rs *Routes) add(rpc protoreflect.MethodDescriptor) error {
	first, ok := proto.GetExtension(rpc.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || first == nil {
		return nil
	}
	rule, err := access.RuleOf(rpc)
	if err != nil {
		return err
	}
	for _, http := range append([]*annotations.HttpRule{first}, first.GetAdditionalBindings()...) {
		route, err := newRoute(rpc, rule, http)
		if err != nil {
			return err
		}
		rs.all = append(rs.all, route)
		rs.byPattern[route.Method+" "+pattern(route.Template)] = route
		if _, ok := rs.byRPC[route.fullMethod()]; !ok {
			rs.byRPC[route.fullMethod()] = route
		}
	}
	return nil
}

func newRoute(rpc protoreflect.MethodDescriptor, rule *accessv1.Rule, binding *annotations.HttpRule) (*Route, error) {
	route := &Route{RPC: rpc, Rule: rule, body: binding.GetBody()}
	switch p := binding.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		route.Method, route.Template = http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		route.Method, route.Template = http.MethodPost, p.Post
	case *annotations.HttpRule_Patch:
		route.Method, route.Template = http.MethodPatch, p.Patch
	case *annotations.HttpRule_Put:
		route.Method, route.Template = http.MethodPut, p.Put
	case *annotations.HttpRule_Delete:
		route.Method, route.Template = http.MethodDelete, p.Delete
	default:
		return nil, fmt.Errorf("the HTTP rule has the pattern %T, which is not supported", p)
	}
	path := route.Template
	if colon := strings.LastIndexByte(path, ':'); colon > strings.LastIndexByte(path, '/') {
		path, route.verb = path[:colon], path[colon+1:]
	}
	route.segments = strings.Split(path, "/")
	route.query = queryNames(rpc.Input(), route)
	route.etag = etagField(rpc.Input(), route)
	return route, nil
}

// locate tells each creation where what it creates can be got: by the Get method of the same resource.
func (rs *Routes) locate() {
	for _, create := range rs.all {
		resource := create.RPC.Output().Name()
		if create.RPC.Name() != "Create"+resource {
			continue
		}
		for _, get := range rs.all {
			if get.RPC.Name() == "Get"+resource && get.RPC.Parent() == create.RPC.Parent() {
				create.location = get.Template
			}
		}
	}
}

var variable = regexp.MustCompile(`\{([^{}=]+)\}`)

// pattern writes a template as runtime.Pattern.String does.
func pattern(template string) string {
	return variable.ReplaceAllString(template, "{$1=*}")
}

// queryNames lists the names that a query may hold: the fields that neither path nor body binds. A singular message
// other than a well-known type is a group of dotted names; the contract has none, and none is offered.
func queryNames(request protoreflect.MessageDescriptor, route *Route) map[string]protoreflect.FieldDescriptor {
	names := map[string]protoreflect.FieldDescriptor{}
	if route.body == "*" {
		return names
	}
	bound := map[string]bool{route.body: true}
	for _, match := range variable.FindAllStringSubmatch(route.Template, -1) {
		bound[match[1]] = true
	}
	for i := range request.Fields().Len() {
		field := request.Fields().Get(i)
		if bound[string(field.Name())] {
			continue
		}
		if m := field.Message(); m != nil && m.ParentFile().Package() != "google.protobuf" {
			continue
		}
		names[string(field.Name())] = field
		names[field.JSONName()] = field
	}
	return names
}

// etagField finds where a request carries the etag of what it changes: in a field of its own, or in the resource that a
// PATCH sends.
func etagField(request protoreflect.MessageDescriptor, route *Route) []protoreflect.FieldDescriptor {
	if etag := request.Fields().ByName("etag"); etag != nil {
		return []protoreflect.FieldDescriptor{etag}
	}
	if route.Method != http.MethodPatch {
		return nil
	}
	resource := request.Fields().ByName(protoreflect.Name(route.body))
	if resource == nil || resource.Message() == nil {
		return nil
	}
	if etag := resource.Message().Fields().ByName("etag"); etag != nil {
		return []protoreflect.FieldDescriptor{resource, etag}
	}
	return nil
}

// Allow lists the methods that a path takes, sorted; empty if there is nothing under the path.
func (rs *Routes) Allow(path string) []string {
	var methods []string
	for _, route := range rs.all {
		if !route.matches(path) {
			continue
		}
		methods = append(methods, route.Method)
		if route.Method == http.MethodGet && !route.Streaming() {
			methods = append(methods, http.MethodHead)
		}
	}
	if len(methods) == 0 {
		return nil
	}
	methods = append(methods, http.MethodOptions)
	slices.Sort(methods)
	return slices.Compact(methods)
}

// streams says whether GET on a path answers with a stream.
func (rs *Routes) streams(path string) bool {
	return slices.ContainsFunc(rs.all, func(r *Route) bool { return r.Streaming() && r.matches(path) })
}

// matches says whether a path is one of the route's. The gateway's own matching decides; this one only tells what else
// would have been possible.
func (r *Route) matches(path string) bool {
	if r.verb != "" {
		var ok bool
		if path, ok = strings.CutSuffix(path, ":"+r.verb); !ok {
			return false
		}
	}
	segments := strings.Split(path, "/")
	if len(segments) != len(r.segments) {
		return false
	}
	for i, want := range r.segments {
		if variable.MatchString(want) {
			if segments[i] == "" {
				return false
			}
		} else if segments[i] != want {
			return false
		}
	}
	return true
}
