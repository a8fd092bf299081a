// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.config;

import com.google.common.base.Splitter;
import java.util.List;

/**
 * A name that peers are found by.
 *
 * @param port of all addresses; 0 where SRV records say it
 */
public record DnsName(String name, int port) {
  /**
   * Reads {@code NAME:PORT}, or {@code _SERVICE._tcp.NAME} for SRV records.
   *
   * @throws IllegalArgumentException with what is wrong
   */
  public static DnsName parse(String text) {
    if (text.startsWith("_")) {
      if (!text.matches("_[A-Za-z0-9-]+\\._tcp\\.[A-Za-z0-9_.-]+")) {
        throw new IllegalArgumentException("SRV records have names such as _svr2._tcp.example.org");
      }
      return new DnsName(text, 0);
    }
    HostPort hostPort = HostPort.parseTarget(text);
    return new DnsName(hostPort.host(), hostPort.port());
  }

  /** SRV records are asked for. */
  public boolean isService() {
    return port == 0;
  }

  /** The address in a record of kind A, AAAA or SRV, in the text form of RFC 1035. */
  public HostPort address(String kind, String record) {
    if (!kind.equals("SRV")) {
      return new HostPort(record, port);
    }
    // Priority, weight, port, target: peers are all alike, so only the last two count.
    List<String> parts = Splitter.on(' ').splitToList(record);
    String target = parts.get(3);
    return new HostPort(
        target.endsWith(".") ? target.substring(0, target.length() - 1) : target,
        Integer.parseInt(parts.get(2)));
  }

  @Override
  public String toString() {
    return isService() ? name : name + ":" + port;
  }
}
