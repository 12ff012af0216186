package io.spillway.config;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One setting and the values it takes.
 *
 * @param min smallest value of an integral type
 * @param max largest value of an integral type
 * @param choices the only values taken; empty when any goes
 * @param defaultValue as text; null when there is none, or it depends on others ({@code doc} says)
 * @param doc one or two sentences for docs/configuration.md; empty for Kafka's that are passed on
 */
public record Setting(
    String name,
    Type type,
    long min,
    long max,
    List<String> choices,
    @Nullable String defaultValue,
    Meaning meaning,
    String doc) {

  /** What a value looks like. */
  public enum Type {
    BOOLEAN,
    SHORT,
    INT,
    LONG,
    DOUBLE,
    STRING,
    /** Comma-separated. */
    LIST,
    /** Never shown. */
    PASSWORD,
    CLASS;

    boolean integral() {
      return this == SHORT || this == INT || this == LONG;
    }
  }

  /** What Spillway does with a setting. */
  public enum Meaning {
    /** Spillway's own. */
    OURS(""),
    /** Kafka's name and sense. */
    USED(""),
    /** Given to Kafka's own classes, which the broker runs. */
    KAFKA("given to Kafka's own coordinators and controller, which this broker runs"),
    SHOWN(
        "a topic default that clients can see and set; it changes nothing, as there are no local"
            + " log segments"),
    REFUSED(
        "refused unless it is the default: it asks for something this broker does not do, and"
            + " ignoring it would be unsafe"),
    FILES("no local log directories: data is in the WAL and the object store"),
    INNER("tunes a part of Kafka that is not here"),
    PLAINTEXT("every listener is PLAINTEXT"),
    QUORUM("no controller quorum: the metadata log is in the object store"),
    REPLICATION("data is stored once, durably; nothing is copied between brokers"),
    TIERED("all data goes to the object store anyway"),
    OLD("removed from Kafka, in files of older releases");

    private final String explanation;

    Meaning(String explanation) {
      this.explanation = explanation;
    }

    /** Why a setting is passed on, refused or without effect, for a person. */
    public String explanation() {
      return explanation;
    }

    /** Whether a setting of this meaning is taken and changes nothing. */
    public boolean withoutEffect() {
      return switch (this) {
        case OURS, USED, KAFKA, SHOWN, REFUSED -> false;
        case FILES, INNER, PLAINTEXT, QUORUM, REPLICATION, TIERED, OLD -> true;
      };
    }
  }

  /** What is valid, for a person. */
  public String valid() {
    if (!choices.isEmpty()) {
      return (type == Type.LIST ? "a list of " : "one of ") + String.join(", ", choices);
    }
    return switch (type) {
      case BOOLEAN -> "true or false";
      case SHORT, INT, LONG -> "a whole number" + range();
      case DOUBLE -> "a number";
      case STRING, PASSWORD -> "text";
      case LIST -> "a comma-separated list";
      case CLASS -> "a class name";
    };
  }

  private String range() {
    boolean below = max == typeMax();
    if (min == typeMin() && below) {
      return "";
    }
    return below ? " of at least " + min : " from " + min + " to " + max;
  }

  long typeMin() {
    return switch (type) {
      case SHORT -> Short.MIN_VALUE;
      case INT -> Integer.MIN_VALUE;
      default -> Long.MIN_VALUE;
    };
  }

  long typeMax() {
    return switch (type) {
      case SHORT -> Short.MAX_VALUE;
      case INT -> Integer.MAX_VALUE;
      default -> Long.MAX_VALUE;
    };
  }

  /** The value without surrounding space; throws when this setting does not take it. */
  String requireValid(String text) {
    String value = type == Type.PASSWORD ? text : text.strip();
    boolean ok =
        switch (type) {
          case BOOLEAN -> value.equalsIgnoreCase("true") || value.equalsIgnoreCase("false");
          case SHORT, INT, LONG -> isIntegral(value);
          case DOUBLE -> isDouble(value);
          case LIST -> choices.isEmpty() || allChosen(value);
          case STRING, PASSWORD, CLASS -> choices.isEmpty() || chosen(value);
        };
    if (!ok) {
      throw InvalidSettingException.of(this, value, valid());
    }
    return value;
  }

  private boolean isIntegral(String value) {
    try {
      long number = Long.parseLong(value);
      return number >= min && number <= max;
    } catch (NumberFormatException e) {
      return false;
    }
  }

  private static boolean isDouble(String value) {
    try {
      return !Double.isNaN(Double.parseDouble(value));
    } catch (NumberFormatException e) {
      return false;
    }
  }

  private boolean allChosen(String value) {
    for (String item : SettingValues.split(value)) {
      if (!chosen(item)) {
        return false;
      }
    }
    return true;
  }

  private boolean chosen(String value) {
    for (String choice : choices) {
      if (choice.equalsIgnoreCase(value)) {
        return true;
      }
    }
    return false;
  }
}
