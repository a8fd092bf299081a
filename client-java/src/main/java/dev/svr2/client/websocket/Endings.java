// SPDX-License-Identifier: Apache-2.0
//
// What HTTP statuses and WebSocket close codes say in the words of a transport. Source: protocol.md
// §3.
package dev.svr2.client.websocket;

import dev.svr2.client.transport.TransportException;
import dev.svr2.client.transport.TransportException.Applied;
import dev.svr2.client.transport.TransportException.Kind;
import java.net.ConnectException;
import java.net.ProtocolException;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpHeaders;
import java.net.http.HttpResponse;
import java.net.http.WebSocketHandshakeException;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.CharacterCodingException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Maps ends. Stateless. */
final class Endings {
  private static final int NORMAL = 1000;
  private static final int GOING_AWAY = 1001;
  private static final int PROTOCOL_ERROR = 1002;
  private static final int TOO_BIG = 1009;
  private static final int TRY_AGAIN_LATER = 1013;
  private static final int BAD_ARGUMENTS = 4003;
  private static final int INTERNAL = 4013;
  private static final int UNAVAILABLE = 4014;

  /** The server's name for an error, first in a close reason. */
  private static final Pattern ERROR_NAME = Pattern.compile("^(ERROR_[A-Z0-9_]+)\\b");

  private Endings() {}

  /** For a close frame of the server. */
  static TransportException closed(int code, String reason) {
    Matcher name = ERROR_NAME.matcher(reason);
    String text = "closed with " + code + (reason.isEmpty() ? "" : ": " + reason);
    String error = name.find() ? name.group(1) : "";
    switch (code) {
      case NORMAL:
        return new TransportException(Kind.CLOSED, Applied.UNKNOWN, text, error);
      case BAD_ARGUMENTS:
        return new TransportException(Kind.REJECTED, Applied.NO, text, error);
      case UNAVAILABLE:
        return new TransportException(Kind.UNAVAILABLE, Applied.NO, text, error);
      case GOING_AWAY:
      case TRY_AGAIN_LATER:
        return new TransportException(Kind.UNAVAILABLE, Applied.UNKNOWN, text, error);
      case PROTOCOL_ERROR:
      case TOO_BIG:
        return new TransportException(Kind.REJECTED, Applied.UNKNOWN, text, error);
      case INTERNAL:
      default:
        return new TransportException(Kind.INTERNAL, Applied.UNKNOWN, text, error);
    }
  }

  /** For a connection that never became a WebSocket: nothing can have been applied. */
  static TransportException notConnected(Throwable failure) {
    for (Throwable e = failure; e != null; e = e.getCause()) {
      if (e instanceof WebSocketHandshakeException) {
        HttpResponse<?> response = ((WebSocketHandshakeException) e).getResponse();
        TransportException end = answered(response.statusCode(), response.headers());
        return new TransportException(end.kind(), Applied.NO, end.getMessage());
      }
    }
    return new TransportException(Kind.UNAVAILABLE, Applied.NO, "not connected: " + word(failure));
  }

  /** For a connection that broke, or whose other side does not speak WebSocket as it should. */
  static TransportException broken(Throwable failure) {
    for (Throwable e = failure; e != null; e = e.getCause()) {
      if (e instanceof ProtocolException || e instanceof CharacterCodingException) {
        return new TransportException(
            Kind.MALFORMED, Applied.UNKNOWN, "the server broke WebSocket's rules: " + word(e));
      }
    }
    return new TransportException(
        Kind.UNAVAILABLE, Applied.UNKNOWN, "the connection broke: " + word(failure));
  }

  /** For a DELETE without an answer. */
  static TransportException deleteFailed(Throwable failure) {
    for (Throwable e = failure; e != null; e = e.getCause()) {
      if (e instanceof ConnectException
          || e instanceof HttpConnectTimeoutException
          || e instanceof UnresolvedAddressException) {
        return notConnected(failure);
      }
    }
    return broken(failure);
  }

  /** For an HTTP status other than success. */
  static TransportException answered(int status, HttpHeaders headers) {
    String text = "HTTP status " + status;
    switch (status) {
      case 401:
      case 403:
        return new TransportException(Kind.CREDENTIALS, Applied.NO, text);
      case 404:
        return new TransportException(
            Kind.REJECTED, Applied.NO, text + ": no group of this measurement is served here");
      case 429:
        String after = headers.firstValue("Retry-After").map(s -> ", again after " + s).orElse("");
        return new TransportException(Kind.RATE_LIMITED, Applied.NO, text + after);
      case 503:
        return new TransportException(Kind.UNAVAILABLE, Applied.NO, text);
      default:
        return new TransportException(Kind.INTERNAL, Applied.UNKNOWN, text);
    }
  }

  /** The innermost cause in one word and what it says. */
  private static String word(Throwable failure) {
    Throwable e = failure;
    while (e.getCause() != null) {
      e = e.getCause();
    }
    String message = e.getMessage();
    return e.getClass().getSimpleName() + (message == null ? "" : ", " + message);
  }
}
