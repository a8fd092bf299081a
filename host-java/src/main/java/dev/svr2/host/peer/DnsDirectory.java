// SPDX-License-Identifier: Apache-2.0
//
// Peers by DNS: the addresses of one name, as a headless Kubernetes service has, or SRV records.
// Asked by the JDK's own DNS client (JNDI), which goes to the name server each time: no cache of
// this process keeps what has gone.
package dev.svr2.host.peer;

import dev.svr2.host.config.DnsName;
import dev.svr2.host.config.HostPort;
import java.time.Duration;
import java.util.Hashtable;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import javax.naming.NameNotFoundException;
import javax.naming.NamingException;
import javax.naming.directory.Attribute;
import javax.naming.directory.InitialDirContext;

/** Thread-safe. */
public final class DnsDirectory extends RefreshedDirectory {
  private static final int TIMEOUT_MS = 1_000;
  private static final int RETRIES = 2;

  private final DnsName name;

  /** The type that JNDI takes. */
  @SuppressWarnings("JdkObsolete")
  private final Hashtable<String, String> environment = new Hashtable<>();

  /**
   * Begins to ask.
   *
   * @param server a name server; empty for the machine's
   */
  public DnsDirectory(DnsName name, Optional<HostPort> server, Duration interval) {
    super("the name " + name);
    this.name = name;
    environment.put("java.naming.factory.initial", "com.sun.jndi.dns.DnsContextFactory");
    environment.put("java.naming.provider.url", server.map(at -> "dns://" + at).orElse("dns:"));
    environment.put("com.sun.jndi.dns.timeout.initial", Integer.toString(TIMEOUT_MS));
    environment.put("com.sun.jndi.dns.timeout.retries", Integer.toString(RETRIES));
    start(interval);
  }

  /** Records are text: nothing that a name server says becomes an object of its choice. */
  @SuppressWarnings("BanJNDI")
  @Override
  Set<HostPort> ask() throws NamingException {
    InitialDirContext context = new InitialDirContext(environment);
    try {
      Set<HostPort> out = new LinkedHashSet<>();
      for (String kind : name.isService() ? new String[] {"SRV"} : new String[] {"A", "AAAA"}) {
        Attribute records = context.getAttributes(name.name(), new String[] {kind}).get(kind);
        for (int i = 0; records != null && i < records.size(); i++) {
          out.add(name.address(kind, String.valueOf(records.get(i))));
        }
      }
      return out;
    } catch (NameNotFoundException e) {
      return Set.of(); // An answer: nobody is there.
    } finally {
      context.close();
    }
  }
}
