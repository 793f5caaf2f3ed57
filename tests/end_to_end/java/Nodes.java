import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.Node;

/** Tells which nodes a client that begins at each of the addresses is told of, a line each: address, id, host:port. */
final class Nodes {
    public static void main(String[] arguments) throws Exception {
        for (String bootstrap : arguments) {
            Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", "30000");
            try (Admin admin = Admin.create(Settings.of(settings))) {
                List<Node> nodes = admin.describeCluster().nodes().get().stream()
                        .sorted((one, other) -> Integer.compare(one.id(), other.id()))
                        .collect(Collectors.toList());
                for (Node node : nodes) {
                    System.out.println(bootstrap + " " + node.id() + " " + node.host() + ":" + node.port());
                }
            }
        }
    }
}
