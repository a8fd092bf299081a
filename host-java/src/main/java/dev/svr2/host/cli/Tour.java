// SPDX-License-Identifier: Apache-2.0
//
// The commands that `svr2 cluster` offers to try. They work as they stand, from the repository's
// root, in a second terminal.
package dev.svr2.host.cli;

import dev.svr2.host.cluster.ReplicaAddresses;
import dev.svr2.host.cluster.ReplicaView;
import dev.svr2.host.cluster.RunFolder;
import java.nio.file.Path;
import java.util.List;

/** Text alone. */
final class Tour {
  private static final String USER = "00112233445566778899aabbccddeeff";
  private static final String KEY =
      "8f3b1c5d7e9fa0b2c4d6e8f00112a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4";

  private Tour() {}

  /** For a group that is ready. */
  static String text(RunFolder folder, List<ReplicaView> replicas, ReplicaAddresses first) {
    String common =
        "--user %s --pins %s --allow-simulated --auth-secret-file %s"
            .formatted(USER, shellWord(folder.pins()), shellWord(folder.secret()));
    String client = "--target %s %s".formatted(first.client(), common);
    String other = "--target %s %s".formatted(replicas.get(1).client(), common);
    String control = "--control " + first.control();
    return """
        A group of %6$d replicas is being served. In a second terminal, in this directory:

        # store a master key under a PIN, with 3 tries
        ./svr2 client backup %1$s --pin 4821 --tries 3 --master-key %4$s
        # get it back, from another replica: any of them serves any client
        ./svr2 client restore %5$s --pin 4821 --master-key
        # a wrong PIN: exit code 3 and the tries left; three of them erase the secret (exit code 4)
        ./svr2 client restore %1$s --pin 9999 --master-key
        # the tries left, without spending one
        ./svr2 client tries %5$s
        # kill a replica; nothing is lost, and a new one takes its place
        kill -9 $(cat %7$s)
        # erase it
        ./svr2 client delete %1$s
        # how the first host is, and what it measures
        ./svr2 admin status %2$s
        ./svr2 admin metrics %2$s
        # the group at a glance, in a browser
        #   http://%8$s/
        # the pins of this group, from verified evidence, compared with the file
        ./svr2 pin-block %2$s --pins %3$s --allow-simulated

        """
        .formatted(
            client,
            control,
            shellWord(folder.pins()),
            KEY,
            other,
            replicas.size(),
            shellWord(folder.pid(replicas.size())),
            replicas.get(0).httpAddress());
  }

  /** Quoted for a shell where that is needed. */
  private static String shellWord(Path path) {
    String text = path.toString();
    return text.matches("[A-Za-z0-9_./+:@%-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
  }
}
