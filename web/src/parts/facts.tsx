import type { Fact } from '../model/facts.ts';

export const Facts = ({ facts }: { facts: Fact[] }) => (
  <dl class="facts">
    {facts.map(({ name, value, code }) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd class={code ? 'code' : ''}>{value}</dd>
      </div>
    ))}
  </dl>
);
