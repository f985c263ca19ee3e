import type { APIGatewayProxyEventV2 } from 'aws-lambda';

/** The body of a request as text. API Gateway encodes what it does not take for text. */
export const bodyOf = ({ body = '', isBase64Encoded }: APIGatewayProxyEventV2): string =>
  isBase64Encoded ? Buffer.from(body, 'base64').toString() : body;
