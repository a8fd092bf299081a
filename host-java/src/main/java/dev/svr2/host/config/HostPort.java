// SPDX-License-Identifier: Apache-2.0
//
// An address to listen on or to connect to, as the configuration and the command line write it.
package dev.svr2.host.config;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;

/**
 * Host and port.
 *
 * @param host a name or an address; an IPv6 address without brackets
 * @param port 0 to 65,535; 0 takes a free one where one listens
 */
public record HostPort(String host, int port) {
  /**
   * Reads {@code HOST:PORT} or {@code [V6ADDRESS]:PORT}.
   *
   * @throws IllegalArgumentException with what is wrong
   */
  public static HostPort parse(String text) {
    int colon = text.lastIndexOf(':');
    if (colon <= 0) {
      throw new IllegalArgumentException("there is no port");
    }
    String host = text.substring(0, colon);
    if (host.startsWith("[") && host.endsWith("]")) {
      host = host.substring(1, host.length() - 1);
    } else if (host.indexOf(':') >= 0) {
      throw new IllegalArgumentException("an IPv6 address stands in brackets");
    }
    if (host.isBlank() || host.chars().anyMatch(c -> c <= ' ' || c == '/')) {
      throw new IllegalArgumentException("the host is not a name or an address");
    }
    String digits = text.substring(colon + 1);
    if (!digits.matches("[0-9]{1,5}") || Integer.parseInt(digits) > 65_535) {
      throw new IllegalArgumentException("the port is not a number from 0 to 65535");
    }
    return new HostPort(host, Integer.parseInt(digits));
  }

  /** As {@link #parse}, of an address to connect to, whose port cannot be 0. */
  public static HostPort parseTarget(String text) {
    HostPort target = parse(text);
    if (target.port == 0) {
      throw new IllegalArgumentException("nobody listens on port 0");
    }
    return target;
  }

  /** Of an address that something listens on. */
  public static HostPort of(InetSocketAddress address) {
    return new HostPort(address.getAddress().getHostAddress(), address.getPort());
  }

  /**
   * True when only this machine can reach it. A name other than {@code localhost} never counts,
   * since what it resolves to may change.
   */
  public boolean isLoopback() {
    if (host.equals("localhost")) {
      return true;
    }
    boolean literal = host.matches("[0-9.]+") || host.indexOf(':') >= 0;
    try {
      return literal && InetAddress.getByName(host).isLoopbackAddress();
    } catch (UnknownHostException e) {
      return false;
    }
  }

  /** Resolved, for listening. */
  public InetSocketAddress toSocketAddress() {
    return new InetSocketAddress(host, port);
  }

  @Override
  public String toString() {
    return host.indexOf(':') >= 0 ? "[" + host + "]:" + port : host + ":" + port;
  }
}
