// SPDX-License-Identifier: Apache-2.0
//
// The ways in which any operation can end without its own answer. Each is a class of its own, so
// that "not applied" and "unknown" cannot be taken for each other.
package dev.svr2.client;

import dev.svr2.client.evidence.EvidenceException;
import dev.svr2.client.evidence.EvidenceRefusal;

/**
 * Why there is no answer. Exactly one of the nested classes; take it apart with {@link #match}.
 *
 * @since 0.1
 */
public abstract class Failure {
  private final String text;

  private Failure(String text) {
    this.text = text;
  }

  /** One line for people, without secrets. It may quote the server, in printable ASCII. */
  public String text() {
    return text;
  }

  /** Calls the one method of {@code cases} that fits. */
  public abstract <R> R match(Cases<R> cases);

  @Override
  public String toString() {
    return getClass().getSimpleName() + ": " + text;
  }

  /** One method for each kind of failure. */
  public interface Cases<R> {
    /** Nothing was applied; repeating is safe. */
    R notApplied(NotApplied failure);

    /** It may have been applied or not. */
    R unknown(Unknown failure);

    /** The server's evidence, or the pins, were not accepted; nothing was sent. */
    R refused(Refused failure);

    /** The server did not take the credentials; nothing was applied. */
    R credentialsRefused(CredentialsRefused failure);

    /** The server does not take this request; nothing was applied, repeating does not help. */
    R rejected(Rejected failure);

    /** The server broke the protocol before the request was sent; nothing was applied. */
    R protocolViolation(ProtocolViolation failure);

    /** The application's {@link StateSaver} failed; nothing further was sent. */
    R notSaved(NotSaved failure);
  }

  /** Not applied; repeating is safe. */
  public static final class NotApplied extends Failure {
    NotApplied(String text) {
      super(text);
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.notApplied(this);
    }
  }

  /** May have been applied. A restore among these may have cost a guess. */
  public static final class Unknown extends Failure {
    Unknown(String text) {
      super(text);
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.unknown(this);
    }
  }

  /** The evidence or the pins were refused. */
  public static final class Refused extends Failure {
    private final EvidenceException cause;

    Refused(EvidenceException cause) {
      super(cause.getMessage());
      this.cause = cause;
    }

    /** The check that failed. */
    public EvidenceRefusal reason() {
      return cause.reason();
    }

    EvidenceException cause() {
      return cause;
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.refused(this);
    }
  }

  /** The credentials were refused. */
  public static final class CredentialsRefused extends Failure {
    CredentialsRefused(String text) {
      super(text);
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.credentialsRefused(this);
    }
  }

  /** The request was refused for what it is. */
  public static final class Rejected extends Failure {
    Rejected(String text) {
      super(text);
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.rejected(this);
    }
  }

  /** The server is not one that speaks this protocol, or someone alters its messages. */
  public static final class ProtocolViolation extends Failure {
    ProtocolViolation(String text) {
      super(text);
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.protocolViolation(this);
    }
  }

  /** The state that must outlive the next request could not be saved, so it was not sent. */
  public static final class NotSaved extends Failure {
    NotSaved(Exception cause) {
      super("the state could not be saved: " + cause.getClass().getSimpleName());
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.notSaved(this);
    }
  }
}
