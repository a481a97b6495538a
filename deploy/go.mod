module github.com/df0f9dda/okr-manager/deploy

go 1.26.0

require (
	github.com/df0f9dda/okr-manager/gateway v0.0.0
	github.com/df0f9dda/okr-manager/proto v0.0.0
	github.com/df0f9dda/okr-manager/services v0.0.0
)

require (
	github.com/stytchauth/stytch-go/v16 v16.41.0 // indirect
	go.etcd.io/bbolt v1.5.0 // indirect
	golang.org/x/net v0.61.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/tools v0.52.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261104224025-d1e00e9f33ab // indirect
	google.golang.org/grpc v1.85.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace (
	github.com/df0f9dda/okr-manager/gateway => ../gateway
	github.com/df0f9dda/okr-manager/proto => ../proto
	github.com/df0f9dda/okr-manager/services => ../services
)
