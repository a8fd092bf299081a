// SPDX-License-Identifier: Apache-2.0
//
// Why a transport has no answer, and what it knows about whether something was applied.
package dev.svr2.client.transport;

import java.time.Duration;

/**
 * What transports fail with. The text is safe to show: printable ASCII, cut to 200 characters.
 *
 * @since 0.1
 */
public final class TransportException extends Exception {
  private static final int TEXT_MAX_CHARS = 200;

  /** What happened. */
  public enum Kind {
    /** Not connected, or connected and told to try again. */
    UNAVAILABLE,
    /** The server does not take these credentials. */
    CREDENTIALS,
    /** Too many requests or sessions. */
    RATE_LIMITED,
    /** The server does not take what was sent, and will not when it is repeated. */
    REJECTED,
    /** No answer within the time allowed, or the waiting thread was interrupted. */
    TIMEOUT,
    /** The server ended the stream normally. */
    CLOSED,
    /** The server sent what the protocol forbids. */
    MALFORMED,
    /** Anything else that went wrong at the server. */
    INTERNAL
  }

  /** Whether the last item sent may have been acted upon. */
  public enum Applied {
    /** The server said that it was not, or it never left. */
    NO,
    /** It may have been. */
    UNKNOWN
  }

  private final Kind kind;
  private final Applied applied;
  private final String reason;

  /** An exception; {@code text} may come from the server and is made harmless. */
  public TransportException(Kind kind, Applied applied, String text) {
    this(kind, applied, text, "");
  }

  /** The same with the server's own name for it. */
  public TransportException(Kind kind, Applied applied, String text, String reason) {
    super(printable(text));
    this.kind = kind;
    this.applied = applied;
    this.reason = printable(reason);
  }

  /** No answer within that time; whether the last item was acted upon is unknown. */
  public static TransportException timeout(Duration timeout) {
    return new TransportException(
        Kind.TIMEOUT, Applied.UNKNOWN, "no answer within " + timeout.toMillis() + " ms");
  }

  /** The waiting thread was interrupted; whether the last item was acted upon is unknown. */
  public static TransportException interrupted() {
    return new TransportException(Kind.TIMEOUT, Applied.UNKNOWN, "interrupted");
  }

  /**
   * The transport's own exception in what a future failed with; for anything else, which no
   * transport should let out, one of kind INTERNAL that names its class.
   */
  public static TransportException of(Throwable failure) {
    for (Throwable e = failure; e != null; e = e.getCause()) {
      if (e instanceof TransportException) {
        return (TransportException) e;
      }
    }
    return new TransportException(
        Kind.INTERNAL,
        Applied.UNKNOWN,
        "the transport failed: " + failure.getClass().getSimpleName());
  }

  /** What happened. */
  public Kind kind() {
    return kind;
  }

  /** What is known about the last item sent. */
  public Applied applied() {
    return applied;
  }

  /** The name of the server's error, such as ERROR_CLIENT_BUSY; empty when it gave none. */
  public String reason() {
    return reason;
  }

  private static String printable(String text) {
    String cut = text.length() > TEXT_MAX_CHARS ? text.substring(0, TEXT_MAX_CHARS) : text;
    return cut.replaceAll("[^\\x20-\\x7e]", "?");
  }
}
