// The reason phrases of RFC 3261 §21 for the final answers that an operator can configure.

/** What stands beside `status` in the status line; of a status that nobody has named, what its class means. */
export function reasonPhrase(status: number): string {
  return PHRASES[status] ?? CLASSES[Math.floor(status / 100)] ?? 'Unknown';
}

const PHRASES: Readonly<Record<number, string>> = {
  200: 'OK',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Moved Temporarily',
  305: 'Use Proxy',
  380: 'Alternative Service',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  410: 'Gone',
  480: 'Temporarily Unavailable',
  486: 'Busy Here',
  487: 'Request Terminated',
  488: 'Not Acceptable Here',
  500: 'Server Internal Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  600: 'Busy Everywhere',
  603: 'Decline',
  604: 'Does Not Exist Anywhere',
  606: 'Not Acceptable',
};

const CLASSES: Readonly<Record<number, string>> = {
  2: 'OK',
  3: 'Redirected',
  4: 'Refused',
  5: 'Server Failure',
  6: 'Declined',
};
