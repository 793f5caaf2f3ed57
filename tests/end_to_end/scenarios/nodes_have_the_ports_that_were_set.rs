//! Scenario 6: nodes are at the ports that the listener's policy gives them: behind the first port in the order of their
//! ids, or one by one as set, at the host that is advertised.

use crate::ensure;
use crate::harness::gateway::{ADVERTISED_HOST, DataPath, Gateway};
use crate::harness::{Fallible, World, ports};

pub fn run(world: &World) -> Fallible<()> {
    let backend = world.lab()?.bootstrap();
    let servers: Vec<String> = backend.split(',').map(|server| format!("\"{server}\"")).collect();
    let port = ports::ten();
    let listener = |name: &str, first: u16, last: u16, mapping: &str| {
        format!(
            "  - name: {name}\n    addresses: [\"{ADVERTISED_HOST}\"]\n    ports: [\"{first}-{last}\"]\n    \
             policies:\n      - {{type: forward_to_virtual_cluster, config: {{type: port_mapping, \
             destination: {{name: desk}}, advertised_host: localhost, {mapping}}}}}\n"
        )
    };
    // Nodes have ids from 1 on; the second listener has its bootstrap port last, and its nodes in another order.
    let inside = ports::ten();
    let set = format!(
        "bootstrap_port: at_start, min_broker_id: 1, node_ports: {{1: {}, 2: {}, 3: {}}}",
        inside + 3,
        inside + 1,
        inside + 2
    );
    let yaml = format!(
        "node:\n  shards: 2\n  admin: {{address: \"{ADVERTISED_HOST}:{}\"}}\nbackend_clusters:\n  - name: lab\n    \
         bootstrap_servers: [{}]\n    authentication: {{type: anonymous}}\n    \
         insecure_allow_anonymous_virtual_cluster_auth: true\nvirtual_clusters:\n  - {{name: desk, destination: \
         {{name: lab}}, namespace: {{mode: hide_prefix}}, authentication: [{{type: anonymous}}]}}\nlisteners:\n{}{}",
        port + 9,
        servers.join(", "),
        listener("in-order", port, port + 3, "bootstrap_port: at_start, min_broker_id: 1"),
        listener("as-set", inside, inside + 3, &set),
    );
    let gateway = Gateway::start_with(world.folder(), port, port + 9, &yaml, DataPath::AsUsersHaveIt)?;
    gateway.wait_ready()?;
    for (bootstrap, expected) in
        [(port, [port + 1, port + 2, port + 3]), (inside, [inside + 3, inside + 1, inside + 2])]
    {
        let tools = world.tools_for(format!("localhost:{bootstrap}"))?;
        let listed = tools.kcat(&["-L"], b"")?;
        for (id, port) in (1..).zip(expected) {
            ensure!(
                listed.contains(&format!("broker {id} at localhost:{port}")),
                "node {id} is not at {port}:\n{listed}"
            );
        }
    }
    let tools = world.tools_for(format!("localhost:{inside}"))?;
    tools.create_topic("at-the-desk", 3, 3)?;
    tools.kcat(&["-P", "-t", "at-the-desk", "-X", "partitioner=random"], b"a\nb\nc\nd\ne\nf")?;
    let read = tools.kcat(&["-C", "-t", "at-the-desk", "-o", "beginning", "-e", "-q"], b"")?;
    ensure!(read.lines().count() == 6, "{read}");
    Ok(())
}
