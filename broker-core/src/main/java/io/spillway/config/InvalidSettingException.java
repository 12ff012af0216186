package io.spillway.config;

import java.io.Serial;

/** A setting that cannot be used. The message names it, its value and what is valid: one line. */
public final class InvalidSettingException extends StartRefusedException {
  @Serial private static final long serialVersionUID = 1L;

  private final String setting;

  public InvalidSettingException(String setting, String message) {
    super(message);
    this.setting = setting;
  }

  /** Name of the setting. */
  public String setting() {
    return setting;
  }

  static InvalidSettingException of(Setting setting, String value, String valid) {
    String shown = setting.type() == Setting.Type.PASSWORD ? "(hidden)" : value;
    return new InvalidSettingException(
        setting.name(), "invalid setting " + setting.name() + "=" + shown + ": valid is " + valid);
  }
}
