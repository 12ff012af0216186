/** What a filling write-ahead log means to clients and operators: forecast, throttle. */
@NullMarked
package io.spillway.pressure;

import org.jspecify.annotations.NullMarked;
