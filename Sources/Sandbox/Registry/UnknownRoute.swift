/// No endpoint has this path and method. ECR's front end then sends the 404 of Go's HTTP server (ECR 1.2).
struct UnknownRoute: Error {}
